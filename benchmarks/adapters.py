"""A LoRA adapter for every role over one base, in one engine: is the graph better, and what does it cost?

Three adapters, for the solver, the reviewer and the refiner, are trained on the roles' own good turns of one recorded
run over training tasks. The same graph is then rolled out over 1,000 held-out tasks by the bare base in all roles
(`shared`) and by the adapters (`per_role`), paired by task. `throughput_ratio` is tokens/s of a batch over three
adapters mixed over tokens/s of the batch over one; `merged` is the solver's adapter put into the base's weights:
how many tasks it solves at once beside the adapter, and its tokens/s over the adapter's. Targets: p < 0.05, a ratio of
0.8 or more. `--out` keeps the runs, and the same folder continues.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.adapting.roles import ROLES, recorded, solve_review_refine, trained
from benchmarks.adapting.throughput import ratio
from benchmarks.learning.processor import processor_seconds
from benchmarks.storytelling.exam import described, paired
from tutelage.agents import ChatModel, Prompt, connect, embedded_directory
from tutelage.graphs import one_shot, rollout
from tutelage.tools import step_checker
from tutelage.training import merge_adapter, wilson
from tutelage.training.embedded.heldout import SAMPLING, development_tasks, heldout_tasks, training_tasks
from tutelage.types import Task

__all__ = ["configure", "render", "run"]

SEEDS = 3
HELDOUT, TRAINING, SAMPLES = 334, 120, 6
"""Tasks a family, and rollouts of each training task."""
BATCH, LONGEST, TIMES = 96, 64, 7
"""Prompts of a batch, tokens of each answer, and how often the batches are compared."""

say = partial(print, file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what to run."""
    parser.add_argument("--base", type=Path, default=embedded_directory(), help="the base's directory")
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--development", action="store_true", help="on development tasks, to choose settings")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-adapters"), help="where the runs go")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train the adapters, and examine the graph with and without them."""
    per_family = 2 if args.quick else HELDOUT
    exam = development_tasks(per_family) if args.development else heldout_tasks(per_family)
    folder = args.out / "quick" if args.quick else args.out
    seeds = []
    for seed in range(1 if args.quick else args.seeds):
        seeds.append(_of_seed(args, exam, folder / f"seed-{seed}", seed))
        say(f"seed {seed}: {seeds[-1]}")
    first = seeds[0]
    return {
        "shared": first["shared"],
        "per_role": first["per_role"],
        "p": first["paired"]["p"],
        "throughput_ratio": first["throughput"]["ratio"],
        "seeds": seeds,
        "exam": described(exam),
        "development": args.development,
    }


def _of_seed(args: argparse.Namespace, exam: Sequence[Task], folder: Path, seed: int) -> dict[str, Any]:
    used, spec = processor_seconds(), f"{args.engine}:{args.base}"
    with connect(spec, sampling=SAMPLING, seed=seed) as model:
        tasks = training_tasks(4 if args.quick else TRAINING, seed)
        lesson = recorded(model, tasks, step_checker, 6 if args.quick else SAMPLES, folder / "lesson")
    adapters = trained(lesson, args.base, folder / "adapters", seed)
    merged = merge_adapter(args.base, adapters["solver"], folder / "merged")
    minutes = (processor_seconds() - used) / 60
    with connect(spec, sampling=SAMPLING, seed=seed, adapters=adapters) as base:
        found = _examined(base, exam, folder)
        solver, speed = (
            _solved(base.with_adapter("solver"), exam, folder / "solver"),
            _speed(base, args.quick),
        )
        before = _speed_of(base.with_adapter("solver"), base, args.quick)
        base.reload(merged)
        told = paired(solver, _solved(base, exam, folder / "solver-merged"))
    return {
        **found,
        "throughput": speed,
        "merged": {"paired_with_adapter": told, "bare_over_adapter": before},
        "training_minutes": round(minutes, 1),
    }


def _examined(base: ChatModel, exam: Sequence[Task], folder: Path) -> dict[str, Any]:
    """The graph by the bare base, and by the adapters."""
    roles = {name: base.with_adapter(name) for name in ROLES}
    shared = _passed(solve_review_refine(dict.fromkeys(ROLES, base)), exam, folder / "shared")
    apart = _passed(solve_review_refine(roles), exam, folder / "per-role")
    return {
        "shared": _share(shared),
        "per_role": _share(apart),
        "paired": paired(shared, apart),
    }


def _share(passed: Sequence[bool]) -> dict[str, Any]:
    return {"accuracy": sum(passed) / len(passed), "interval": list(wilson(sum(passed), len(passed)))}


def _solved(model: ChatModel, exam: Sequence[Task], place: Path) -> list[bool]:
    return _passed(one_shot(model), exam, place)


def _passed(graph: Any, exam: Sequence[Task], place: Path) -> list[bool]:
    """Whether each task's rollout ends with a right solution; the same place continues."""
    with rollout(graph, exam, verifier=step_checker, store=place, progress=False) as run:
        ids = {each.id: each.task.id for each in run.rollouts("done")}
        passed = {
            ids[row.subject_id]: row.score.passed
            for row in run.scores(subject="rollout")
            if row.subject_id in ids
        }
    return [passed.get(task.id) is True for task in exam]


def _speed(base: ChatModel, quick: bool) -> dict[str, Any]:
    """Three adapters in one batch over one adapter in it."""
    mixed = [base.with_adapter(name) for name in ROLES]
    return ratio(mixed, mixed[:1], _prompts(quick), 8 if quick else LONGEST, 2 if quick else TIMES)


def _speed_of(adapter: ChatModel, bare: ChatModel, quick: bool) -> dict[str, Any]:
    """One model, as a merged adapter is, over one adapter in the same engine."""
    return ratio([bare], [adapter], _prompts(quick), 8 if quick else LONGEST, 2 if quick else TIMES)


def _prompts(quick: bool) -> list[str]:
    prompt = Prompt.load("solver")
    tasks = training_tasks(4 if quick else BATCH // 3, 99)
    return [prompt.render(problem=task.problem) for task in tasks]


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    lines = [
        "## A LoRA adapter for every role (`python -m benchmarks adapters`)",
        "",
        f"Solve, review, refine on {result['exam']['tasks']} "
        f"{'development' if result['development'] else 'held-out'} tasks, once each: the bare base in all roles, "
        "and an adapter a role (rank 16, trained on its own good turns of one recorded run), all in one engine; paired "
        "by task. Mixed: tokens/s of a batch over three adapters, over the same batch with one. Merged: solved by "
        "the solver's adapter alone, and by that in the base's weights. Two CPU cores.",
        "",
        "| seed | shared base | adapter a role | gain | p | mixed | merged |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {at} | {_row(seed)} |" for at, seed in enumerate(result["seeds"])]
    return "\n".join(lines)


def _row(seed: Mapping[str, Any]) -> str:
    told, merged = seed["paired"], seed["merged"]["paired_with_adapter"]
    low, high = (100 * each for each in told["interval"])
    solved = [100 * (1 - merged[name] / merged["n"]) for name in ("errors_before", "errors_after")]
    return " | ".join(
        [
            _percent(seed["shared"]),
            _percent(seed["per_role"]),
            f"{100 * told['gain']:+.1f} [{low:+.1f}, {high:+.1f}]",
            f"{told['p']:.1g}",
            f"{seed['throughput']['ratio']:.2f}",
            f"{solved[0]:.1f} → {solved[1]:.1f} (p = {merged['p']:.2g})",
        ]
    )


def _percent(share: Mapping[str, Any]) -> str:
    low, high = (100 * each for each in share["interval"])
    return f"{100 * share['accuracy']:.1f} % [{low:.1f}, {high:.1f}]"
