"""Does every objective make the model better at what it should? Held-out tasks, before and after, per seed.

    python -m benchmarks objectives [--only sft,grpo] [--seeds 3] [--quick]

Every seed has an engine, training tasks and a recorded run of its own; all objectives start from the same weights; the
held-out tasks are the same. What solves is examined by one shot, what judges by choosing among eight samples of the
untrained model. Minutes are processor minutes of this process and of the training, without the engine's.
Targets: p < 0.01 on 1,000 tasks, 20 minutes. `--out` keeps the runs, and the same folder continues.
"""

import argparse
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.learning.judges import JUDGES, choosing, sampled
from benchmarks.learning.lesson import Lesson, bill, recorded
from benchmarks.learning.recipes import RECIPES, ROLL_OUT_THEMSELVES, SAMPLE_THEMSELVES
from benchmarks.storytelling.exam import described, paired, solved
from tutelage.agents import connect
from tutelage.errors import UserError
from tutelage.tools import step_checker
from tutelage.tools.families import family_of, make_tasks
from tutelage.training.embedded.heldout import MIDDLING, SAMPLING, heldout_tasks, training_tasks
from tutelage.types import Task

__all__ = ["configure", "render", "run"]

SEEDS = 3
KNOWN = (*RECIPES, *JUDGES)
HELDOUT, DEVELOPMENT, TRAINING, SAMPLES = 334, 250, 160, 8
"""Tasks a family, of each kind, and rollouts of each training task."""

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
    wanted = DEVELOPMENT if args.development else HELDOUT
    exam = _exam(4 if args.quick else wanted, development=args.development)
    folder = args.out / "quick" if args.quick else args.out
    seeds = []
    for seed in range(1 if args.quick else args.seeds):
        with connect(args.model, sampling=SAMPLING, seed=seed) as model:
            tasks = training_tasks(4 if args.quick else TRAINING, seed)
            place = folder / f"seed-{seed}"
            lesson = recorded(model, tasks, step_checker, 4 if args.quick else SAMPLES, place, seed)
            seeds.append(_of_seed(lesson, names, exam))
            lesson.run.close()
    found = {name: [each[name] for each in seeds] for name in names}
    return {"objectives": found, "exam": described(exam), "development": args.development}


def _exam(per_family: int, *, development: bool) -> list[Task]:
    if not development:
        return heldout_tasks(per_family)
    return [
        task
        for family, difficulty in MIDDLING.items()
        for task in make_tasks(family, difficulty, per_family, seed=0, split="dev")
    ]


def _of_seed(lesson: Lesson, names: Sequence[str], exam: Sequence[Task]) -> dict[str, Any]:
    before = _right(lesson, exam)
    samples = None
    found = {}
    for name in names:
        started, used = time.monotonic(), _processor()
        made = (RECIPES.get(name) or JUDGES[name])(lesson, lesson.folder / name)
        minutes = (_processor() - used) / 60
        took = (time.monotonic() - started) / 60
        if isinstance(made, Path):
            lesson.model.reload(made)
            told = paired(before, _right(lesson, exam))
            lesson.model.reload(lesson.base)
            beside: dict[str, Any] = {"rollout_tokens": _bill(lesson, name)}
        else:
            samples = samples or sampled(lesson, exam, lesson.folder / f"exam-{len(exam)}")
            told = paired(samples.first(), choosing(made, samples))
            beside = {"vote": samples.voted()}
        found[name] = {
            "before": 1 - told["errors_before"] / told["n"],
            "after": 1 - told["errors_after"] / told["n"],
            "gain": told["gain"],
            "interval": told["interval"],
            "p": told["p"],
            "minutes": round(minutes, 1),
            "wall_minutes": round(took, 1),
            **beside,
        }
        say(f"seed {lesson.seed}, {name}: {found[name]}")
    return found


def _bill(lesson: Lesson, name: str) -> int | None:
    """What the roles read and wrote for a training; `None` where its trainer samples itself."""
    if name in SAMPLE_THEMSELVES:
        return None
    own = bill(lesson.folder / f"{name}-runs")
    return own if name in ROLL_OUT_THEMSELVES else own + bill(lesson.folder / "solved")


def _right(lesson: Lesson, exam: Sequence[Task]) -> list[bool]:
    """Whether one sampled solution of each task is right."""
    told = solved(lesson.model, exam)
    return [family_of(task).check(task, text).right for task, text in zip(exam, told, strict=True)]


def _processor() -> float:
    """Seconds that this process and the children that ended have computed."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, kinds))


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    count = len(next(iter(result["objectives"].values())))
    kind = "development" if result["development"] else "held-out"
    lines = [
        "## Does every objective make the model better? (`python -m benchmarks objectives`)",
        "",
        f"{result['exam']['tasks']} {kind} tasks, one sampled solution each, in %, before and after training on the same "
        "base; points gained with their paired 95 % interval and exact McNemar p, one column a seed. A judge chooses one "
        "of eight samples of the base, before: the first; the majority of the same eight is beside it. Rollout tokens "
        "are those that all roles read and wrote, where the trainer does not sample itself; minutes are of the "
        "processor, without the engine's, at most. Two CPU cores.",
        "",
        "| objective | " + " | ".join(f"seed {at}" for at in range(count)) + " | rollout tokens | minutes |",
    ]
    lines.append("|---" * (lines[-1].count("|") - 1) + "|")
    for name, seeds in result["objectives"].items():
        cells = " | ".join(map(_cell, seeds))
        tokens = " / ".join(f"{each['rollout_tokens']:,}" for each in seeds if each.get("rollout_tokens"))
        minutes = max(each["minutes"] for each in seeds)
        lines.append(f"| {name} | {cells} | {tokens} | {minutes} |")
    return "\n".join(lines)


def _cell(found: Mapping[str, Any]) -> str:
    low, high = (100 * each for each in found["interval"])
    vote = f"; majority {100 * found['vote']:.1f}" if "vote" in found else ""
    return (
        f"{100 * found['before']:.1f} → {100 * found['after']:.1f} ({100 * found['gain']:+.1f} "
        f"[{low:+.1f}, {high:+.1f}], p = {found['p']:.1g}{vote})"
    )
