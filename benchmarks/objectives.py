"""Does every objective make the model better at what it should? Held-out tasks, before and after, per seed.

    python -m benchmarks objectives [--only sft,grpo] [--seeds 3] [--quick]

Every seed has an engine, training tasks and recorded runs of its own; all objectives start from the same weights; the
held-out tasks are the same. What solves is examined by one shot, what judges by weighing the votes of eight samples of
the untrained model. Minutes are of all processors, for training, sampling and engine; the recorded runs are told apart.
Targets: p < 0.01 on 1,000 tasks, 20 minutes. `--out` keeps runs and figures, and the same folder continues; `continued`
is an objective whose minutes are only those since it went on.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.learning.judges import JUDGE_OF, JUDGES, sampled, scored
from benchmarks.learning.lesson import FULL, QUICK, Lesson, bill
from benchmarks.learning.recipes import RECIPES, ROLL_OUT_THEMSELVES, SAMPLE_THEMSELVES
from benchmarks.learning.record import kept, measured
from benchmarks.storytelling.exam import described, paired, solved
from tutelage.agents import connect
from tutelage.errors import UserError
from tutelage.tools import step_checker
from tutelage.tools.families import family_of
from tutelage.training.embedded.heldout import SAMPLING, development_tasks, digest, heldout_tasks
from tutelage.types import Task

__all__ = ["configure", "render", "run"]

SEEDS = 3
KNOWN = (*RECIPES, *JUDGES)
HELDOUT, DEVELOPMENT = 334, 250
"""Tasks a family."""

say = partial(print, file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what to run."""
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--only", default=",".join(KNOWN), help="objectives, by commas (default: all)")
    parser.add_argument("--development", action="store_true", help="on development tasks, to choose settings")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark-objectives"), help="where the runs go"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train by every objective, and examine each."""
    names = args.only.split(",")
    if unknown := [name for name in names if name not in KNOWN]:
        raise UserError(f"--only {','.join(unknown)}: known are {', '.join(KNOWN)}")
    chosen = development_tasks if args.development else heldout_tasks
    exam = chosen(4 if args.quick else DEVELOPMENT if args.development else HELDOUT)
    folder = args.out / "quick" if args.quick else args.out
    seeds = []
    for seed in range(1 if args.quick else args.seeds):
        with connect(args.model, sampling=SAMPLING, seed=seed) as model:
            lesson = Lesson(model, step_checker, folder / f"seed-{seed}", seed, QUICK if args.quick else FULL)
            seeds.append(_of_seed(lesson, names, exam))
    return {
        "objectives": {name: [each["objectives"][name] for each in seeds] for name in names},
        "recorded": [each["recorded"] for each in seeds],
        "exam": described(exam),
        "development": args.development,
    }


def _of_seed(lesson: Lesson, names: Sequence[str], exam: Sequence[Task]) -> dict[str, Any]:
    exams = lesson.folder / f"exam-{digest(exam)[:8]}"
    taught = {name: _taught(lesson, name) for name in dict.fromkeys(map(_reads, names)) if name}
    before = kept(exams / "before.json", lambda: _right(lesson, exam))
    found = {}
    for name in names:
        trained = kept(lesson.folder / f"{name}.json", partial(_trained, lesson, name))
        told = kept(exams / f"{name}.json", partial(_examined, lesson, name, exam, exams, before))
        found[name] = {**told, **trained}
        say(f"seed {lesson.seed}, {name}: {found[name]}")
    return {"objectives": found, "recorded": taught}


def _reads(name: str) -> str | None:
    """Which recorded run an objective learns from."""
    return None if name in ROLL_OUT_THEMSELVES else "judged" if name in JUDGES else "solved"


def _taught(lesson: Lesson, kind: str) -> dict[str, Any]:
    """Record a run, and tell what it took."""
    return kept(lesson.folder / f"{kind}.json", lambda: measured(lambda: lesson.record(kind)))


def _trained(lesson: Lesson, name: str) -> dict[str, Any]:
    """Train, and tell what it took."""
    out = lesson.folder / name
    begun = any(out.parent.glob(f"{name}.partial")) or out.exists()
    took = measured(lambda: {**RECIPES, **JUDGES}[name](lesson, out))
    lesson.model.reload(lesson.base)
    return {**took, "rollout_tokens": _bill(lesson, name), **({"continued": True} if begun else {})}


def _examined(
    lesson: Lesson, name: str, exam: Sequence[Task], exams: Path, before: Sequence[bool]
) -> dict[str, Any]:
    """The held-out tasks, before and after."""
    out = lesson.folder / name
    beside: dict[str, Any] = {}
    if name in JUDGES:
        samples = sampled(lesson, exam, exams / "samples")
        scores = scored(JUDGE_OF[name](out), samples)
        told = paired(samples.elected(), samples.elected(scores))
        best = paired(samples.first(), samples.chosen(scores))
        beside = {"chosen": {"gain": best["gain"], "interval": best["interval"], "p": best["p"]}}
    else:
        lesson.model.reload(out)
        told = paired(before, _right(lesson, exam))
        lesson.model.reload(lesson.base)
    return {
        "before": 1 - told["errors_before"] / told["n"],
        "after": 1 - told["errors_after"] / told["n"],
        "gain": told["gain"],
        "interval": told["interval"],
        "p": told["p"],
        **beside,
    }


def _bill(lesson: Lesson, name: str) -> int | None:
    """What the roles read and wrote for a training; `None` where its trainer samples itself."""
    if name in SAMPLE_THEMSELVES:
        return None
    own = bill(lesson.folder / f"{name}-runs")
    reads = _reads(name)
    return own + bill(lesson.folder / reads) if reads else own


def _right(lesson: Lesson, exam: Sequence[Task]) -> list[bool]:
    """Whether one sampled solution of each task is right."""
    told = solved(lesson.model, exam)
    return [family_of(task).check(task, text).right for task, text in zip(exam, told, strict=True)]


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    count = len(next(iter(result["objectives"].values())))
    kind = "development" if result["development"] else "held-out"
    lines = [
        "## Does every objective make the model better? (`python -m benchmarks objectives`)",
        "",
        f"{result['exam']['tasks']} {kind} tasks, one sampled solution each, in %, before and after training on the same "
        "base; points gained with their paired 95 % interval and exact McNemar p, one column a seed. A judge weighs "
        "the votes of eight samples of the base, before: their plain majority; beside it, points gained by taking the "
        "sample that it values most instead of the first. Rollout tokens "
        "are those that all roles read and wrote, where the trainer does not sample itself; minutes are of the "
        "processor, engine and all, at most. Two CPU cores.",
        "",
        "| objective | " + " | ".join(f"seed {at}" for at in range(count)) + " | rollout tokens | minutes |",
    ]
    lines.append("|---" * (lines[-1].count("|") - 1) + "|")
    for name, seeds in result["objectives"].items():
        cells = " | ".join(map(_cell, seeds))
        tokens = " / ".join(f"{each['rollout_tokens']:,}" for each in seeds if each.get("rollout_tokens"))
        minutes = max(each["minutes"] for each in seeds)
        lines.append(f"| {name} | {cells} | {tokens} | {minutes} |")
    lines += ["", "The recorded runs that they learn from took, at most, " + _runs(result["recorded"]) + "."]
    return "\n".join(lines)


def _runs(recorded: Sequence[Mapping[str, Any]]) -> str:
    names = sorted({name for seed in recorded for name in seed})
    most = {name: max(seed[name]["minutes"] for seed in recorded) for name in names}
    return ", ".join(f"{minutes} minutes ({name})" for name, minutes in most.items())


def _cell(found: Mapping[str, Any]) -> str:
    low, high = (100 * each for each in found["interval"])
    chosen = f"; chosen {100 * found['chosen']['gain']:+.1f}" if "chosen" in found else ""
    return (
        f"{100 * found['before']:.1f} → {100 * found['after']:.1f} ({100 * found['gain']:+.1f} "
        f"[{low:+.1f}, {high:+.1f}], p = {found['p']:.1g}{chosen})"
    )
