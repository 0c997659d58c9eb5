"""Does every objective make the model better at what it should? One shot on held-out tasks, before and after, per seed.

    python -m benchmarks objectives [--only sft,grpo] [--seeds 3] [--quick]

Every seed has an engine, training tasks and a recorded run of its own; all objectives start from the same weights; the
held-out tasks are the same. Minutes are processor minutes of the training and of the rollouts that it makes itself.
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

from benchmarks.learning.lesson import Lesson, recorded
from benchmarks.learning.recipes import RECIPES
from benchmarks.storytelling.exam import described, paired, solved
from tutelage.agents import connect
from tutelage.errors import UserError
from tutelage.tools import step_checker
from tutelage.tools.families import family_of, make_tasks
from tutelage.training.embedded.heldout import MIDDLING, SAMPLING, heldout_tasks, training_tasks
from tutelage.types import Task

__all__ = ["configure", "render", "run"]

SEEDS = 3
HELDOUT, TRAINING, SAMPLES = 334, 160, 8
"""Tasks a family, and rollouts of each training task."""

say = partial(print, file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what to run."""
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--only", default=",".join(RECIPES), help="objectives, by commas (default: all)")
    parser.add_argument("--development", action="store_true", help="on development tasks, to choose settings")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark-objectives"), help="where the runs go"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train by every objective, and examine each."""
    names = args.only.split(",")
    if unknown := [name for name in names if name not in RECIPES]:
        raise UserError(f"--only {','.join(unknown)}: known are {', '.join(RECIPES)}")
    exam = _exam(4 if args.quick else HELDOUT, development=args.development)
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
    found = {}
    for name in names:
        started, used = time.monotonic(), _processor()
        policy = RECIPES[name](lesson, lesson.folder / name)
        minutes = (_processor() - used) / 60
        took = (time.monotonic() - started) / 60
        lesson.model.reload(policy)
        told = paired(before, _right(lesson, exam))
        lesson.model.reload(lesson.base)
        found[name] = {
            "before": 1 - told["errors_before"] / told["n"],
            "after": 1 - told["errors_after"] / told["n"],
            "gain": told["gain"],
            "interval": told["interval"],
            "p": told["p"],
            "minutes": round(minutes, 1),
            "wall_minutes": round(took, 1),
        }
        say(f"seed {lesson.seed}, {name}: {found[name]}")
    return found


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
    lines = [
        "## Does every objective make the model better? (`python -m benchmarks objectives`)",
        "",
        f"{result['exam']['tasks']} {'development' if result['development'] else 'held-out'} tasks, one sampled solution "
        "each, before and after training on the same base; points gained with their paired 95 % interval and exact "
        "McNemar p, one column a seed; processor minutes of the first. Two CPU cores.",
        "",
        "| objective | "
        + " | ".join(f"seed {at}" for at in range(len(next(iter(result["objectives"].values())))))
        + " | minutes |",
    ]
    lines.append("|---" * (lines[-1].count("|") - 1) + "|")
    for name, seeds in result["objectives"].items():
        cells = " | ".join(_cell(each) for each in seeds)
        lines.append(f"| {name} | {cells} | {seeds[0]['minutes']} |")
    return "\n".join(lines)


def _cell(found: Mapping[str, Any]) -> str:
    low, high = (100 * each for each in found["interval"])
    return (
        f"{100 * found['before']:.1f} → {100 * found['after']:.1f} ({100 * found['gain']:+.1f} "
        f"[{low:+.1f}, {high:+.1f}], p = {found['p']:.1g})"
    )
