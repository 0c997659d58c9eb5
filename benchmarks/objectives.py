"""Does every objective make the model better at what it should? Held-out tasks, before and after, per seed.

    python -m benchmarks objectives [--only sft,grpo] [--seeds 3] [--quick]

Every seed has an engine, training tasks and recorded runs of its own; all objectives start from the same weights; the
held-out tasks are the same. What solves is examined by one shot, sampled and greedy, what judges by weighing the votes
of eight samples of the untrained model. Minutes are of all processors, for training, sampling and engine; the recorded
runs are told apart. Targets: p < 0.01 on 1,000 tasks, 20 minutes. `--out` keeps runs and figures, and the same folder
continues; `continued` is an objective whose minutes are only those since it went on.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.learning.exams import BASE, Exam
from benchmarks.learning.judges import JUDGES
from benchmarks.learning.lesson import FULL, QUICK, Lesson, bill
from benchmarks.learning.recipes import RECIPES, ROLL_OUT_THEMSELVES, SAMPLE_THEMSELVES
from benchmarks.learning.record import kept, measured
from benchmarks.storytelling.exam import described, paired
from tutelage.agents import connect
from tutelage.errors import UserError
from tutelage.tools import step_checker
from tutelage.training import bootstrap_mean, sign_flip
from tutelage.training.embedded.heldout import SAMPLING, development_tasks, heldout_tasks

__all__ = ["configure", "render", "run"]

SEEDS = 3
COMPARED = ("entropy_only", "grpo", "thinktuning", "soft_bootstrapping")
"""Those with the same bill of rollout tokens, each compared with those before it."""
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
    tasks = chosen(4 if args.quick else DEVELOPMENT if args.development else HELDOUT)
    folder = args.out / "quick" if args.quick else args.out
    seeds, exams = [], []
    for seed in range(1 if args.quick else args.seeds):
        with connect(args.model, sampling=SAMPLING, seed=seed) as model:
            lesson = Lesson(model, step_checker, folder / f"seed-{seed}", seed, QUICK if args.quick else FULL)
            exams.append(Exam(lesson, tasks))
            seeds.append(_of_seed(exams[-1], names))
    return {
        "objectives": {name: [each["objectives"][name] for each in seeds] for name in names},
        "compared": {
            f"{one} - {other}": _difference(one, other, exams)
            for other, one in combinations([name for name in COMPARED if name in names], 2)
        },
        "recorded": [each["recorded"] for each in seeds],
        "exam": described(tasks),
        "development": args.development,
    }


def _of_seed(exam: Exam, names: Sequence[str]) -> dict[str, Any]:
    lesson = exam.lesson
    taught = {name: _taught(lesson, name) for name in dict.fromkeys(map(_reads, names)) if name}
    found = {}
    for name in names:
        took = kept(lesson.folder / f"{name}.json", partial(_trained, lesson, name))
        found[name] = {**(_judging if name in JUDGES else _solving)(exam, name), **took}
        say(f"seed {lesson.seed}, {name}: {found[name]}")
    return {"objectives": found, "recorded": taught}


def _solving(exam: Exam, name: str) -> dict[str, Any]:
    greedy = _gained(exam.right(BASE, greedy=True), exam.right(name, greedy=True))
    return {**_gained(exam.right(BASE), exam.right(name)), "greedy": greedy}


def _judging(exam: Exam, name: str) -> dict[str, Any]:
    told = exam.judged(name)
    return {**_gained(told["vote"], told["weighed"]), "best": _gained(told["first"], told["best"])}


def _gained(before: Sequence[bool], after: Sequence[bool]) -> dict[str, Any]:
    told = paired(before, after)
    return {
        "before": sum(before) / len(before),
        "after": sum(after) / len(after),
        **{name: told[name] for name in ("gain", "interval", "p")},
    }


def _difference(one: str, other: str, exams: Sequence[Exam]) -> dict[str, Any]:
    """What one objective is better than another in the mean over the seeds, paired by task."""
    found = {}
    for kind in ("sampled", "greedy"):
        lists = [[exam.right(name, greedy=kind == "greedy") for exam in exams] for name in (one, other)]
        means = [[fmean(task) for task in zip(*each, strict=True)] for each in lists]
        gains = [new - old for new, old in zip(*means, strict=True)]
        found[kind] = {"gain": fmean(gains), "interval": list(bootstrap_mean(gains)), "p": sign_flip(gains)}
    return found


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


def _bill(lesson: Lesson, name: str) -> int | None:
    """What the roles read and wrote for a training; `None` where its trainer samples itself."""
    if name in SAMPLE_THEMSELVES:
        return None
    own = bill(lesson.folder / f"{name}-runs")
    reads = _reads(name)
    return own + bill(lesson.folder / reads) if reads else own


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    count = len(next(iter(result["objectives"].values())))
    kind = "development" if result["development"] else "held-out"
    lines = [
        "## Does every objective make the model better? (`python -m benchmarks objectives`)",
        "",
        f"{result['exam']['tasks']} {kind} tasks, one solution each, in %, before and after training on the same base; "
        "points gained with their paired 95 % interval and exact McNemar p, one column a seed; after the semicolon, the "
        "points gained by greedy answers. A judge weighs the votes of eight samples of the base, before: their plain "
        "majority; after the semicolon, points gained by taking the sample that it values most instead of the first. "
        "Rollout tokens are those that all roles read and wrote, where the trainer does not sample itself; minutes are "
        "of the processor, engine and all, at most. `entropy_only` is the control: it is paid for certainty, and never "
        "hears what is right. Two CPU cores.",
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
    if result["compared"]:
        lines += ["", f"Against each other, in the mean of {count} seeds, paired by task:", ""]
        lines += ["| | sampled | greedy |", "|---|---|---|"]
        lines += [
            f"| {names} | {_points(told['sampled'])} | {_points(told['greedy'])} |"
            for names, told in result["compared"].items()
        ]
    return "\n".join(lines)


def _runs(recorded: Sequence[Mapping[str, Any]]) -> str:
    names = sorted({name for seed in recorded for name in seed})
    most = {name: max(seed[name]["minutes"] for seed in recorded) for name in names}
    return ", ".join(f"{minutes} minutes ({name})" for name, minutes in most.items())


def _cell(found: Mapping[str, Any]) -> str:
    beside = found.get("greedy") or found["best"]
    return (
        f"{100 * found['before']:.1f} → {100 * found['after']:.1f} ({_points(found)}); "
        f"{100 * beside['gain']:+.1f} (p = {beside['p']:.1g})"
    )


def _points(found: Mapping[str, Any]) -> str:
    low, high = (100 * each for each in found["interval"])
    return f"{100 * found['gain']:+.1f} [{low:+.1f}, {high:+.1f}], p = {found['p']:.1g}"
