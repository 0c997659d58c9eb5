"""Do rounds of rolling out and training go on making the model better, and do kills leave the result as it is?

    python -m benchmarks improve [--seeds 3] [--kills 10] [--development] [--quick]

Every seed has an engine, training and development tasks of its own; the held-out tasks are the same, and are met only at
the end, by the stored policies, in one shot at temperature 1. Targets: four rounds rise in the mean and end 15 points
above the base; ten kills by SIGKILL leave the same policy. `--out` keeps everything, and the same folder goes on.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.improving.campaign import killed
from benchmarks.improving.recipe import Size, improved
from tutelage.agents import connect
from tutelage.tools import family_answer
from tutelage.training import Evaluation, bootstrap_mean, evaluate, sign_flip
from tutelage.training.embedded.heldout import SAMPLING, development_tasks, heldout_tasks

__all__ = ["configure", "render", "run"]

HELDOUT = 334
"""Tasks a family."""
UNUSED = 99
"""The seed of development tasks that no round decides by."""
QUICK = Size(rounds=1, tasks=4, development=4, probe=3)

say = partial(print, file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what to run."""
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--start", choices=("first", "best"), default="first", help="what is trained")
    parser.add_argument("--data", choices=("all", "last"), default="all", help="on which rounds' solutions")
    parser.add_argument("--development", action="store_true", help="on development tasks, to choose settings")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-improve"), help="where the runs go")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Improve with every seed, examine all policies, and kill small rounds."""
    folder = args.out / "quick" if args.quick else args.out
    size = QUICK if args.quick else Size()
    per_family = 4 if args.quick else HELDOUT
    exam = development_tasks(per_family, UNUSED) if args.development else heldout_tasks(per_family)
    changes = {"start": args.start, "data": args.data}
    seeds: list[list[Evaluation]] = []
    told = []
    for seed in range(1 if args.quick else args.seeds):
        place = folder / f"seed-{seed}"
        with connect(args.model, sampling=SAMPLING, seed=seed) as model:
            found = improved(model, place, seed, size, changes)
            say(f"seed {seed}\n{found}")
            policies = [place / each.directory for each in found.versions]
            # A seed whose rounds ended early stays where it is.
            policies += [found.directory] * (size.rounds + 1 - len(policies))
            seeds.append([])
            for at, policy in enumerate(policies):
                model.reload(policy)
                store = place / f"exam-{at}{'-development' if args.development else ''}"
                seeds[-1].append(
                    evaluate(
                        model, exam, verifier=family_answer, store=store, progress=False, name=f"round {at}"
                    )
                )
        told.append(
            [
                {
                    "round": each.round,
                    "policy": each.policy,
                    "taken": each.taken,
                    "development": each.accuracy,
                }
                for each in found.versions
            ]
        )
    accuracy = [_round(seeds, at) for at in range(size.rounds + 1)]
    means = [each["mean"] for each in accuracy]
    kills = killed(folder / "kills", 2 if args.quick else args.kills) if args.kills else {}
    return {
        "rounds": size.rounds,
        "tasks": len(exam),
        "development": args.development,
        "accuracy": accuracy,
        "gain": means[-1] - means[0],
        "monotone": all(after > before for before, after in pairwise(means)),
        "versions": told,
        **kills,
    }


def _round(seeds: Sequence[Sequence[Evaluation]], at: int) -> dict[str, Any]:
    """Accuracy after a round: of each seed, and in the mean, with what it gained over the base and the round before."""
    now = [seed[at] for seed in seeds]
    found: dict[str, Any] = {
        "round": at,
        "seeds": [each.accuracy for each in now],
        "intervals": [list(each.interval) for each in now],
        "mean": fmean(each.accuracy for each in now),
        "interval": list(bootstrap_mean(_by_task(now))),
    }
    for name, before in (("base", 0), ("before", at - 1)):
        if at:
            then = _by_task([seed[before] for seed in seeds])
            gains = [new - old for new, old in zip(_by_task(now), then, strict=True)]
            found[f"gain_over_{name}"] = fmean(gains)
            found[f"interval_over_{name}"] = list(bootstrap_mean(gains))
            found[f"p_over_{name}"] = sign_flip(gains)
    return found


def _by_task(seeds: Sequence[Evaluation]) -> list[float]:
    """The mean over the seeds, a task."""
    return [fmean(each.task_means[task] for each in seeds) for task in sorted(seeds[0].task_means)]


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    count = len(result["accuracy"][0]["seeds"])
    lines = [
        "## Improving in rounds (`python -m benchmarks improve`)",
        "",
        f"{result['tasks']} {'development' if result['development'] else 'held-out'} tasks, one shot at temperature 1, "
        f"by the stored policies of {count} seeds; in %, with 95 % intervals over tasks and paired sign-flip tests.",
        "",
        "| round | "
        + " | ".join(f"seed {at}" for at in range(count))
        + " | mean | over the base | over the round before |",
    ]
    lines.append("|---" * (lines[-1].count("|") - 1) + "|")
    for row in result["accuracy"]:
        cells = [f"{100 * each:.1f}" for each in row["seeds"]]
        low, high = (100 * each for each in row["interval"])
        mean = f"{100 * row['mean']:.1f} [{low:.1f}, {high:.1f}]"
        lines.append(
            f"| {' | '.join([str(row['round']), *cells, mean, _gain(row, 'base'), _gain(row, 'before')])} |"
        )
    if "kills" in result:
        parts = ", ".join(f"{name} {times}" for name, times in sorted(result["parts"].items()))
        lines += [
            "",
            f"{result['kills']} kills by SIGKILL of small rounds on transformers in float64 ({parts}), each gone on with "
            f"by the same command, in {result['runs']} runs; the policy is that of an unkilled run, to the bit: "
            f"{'yes' if result['same_policy'] else 'no'}.",
        ]
    return "\n".join(lines)


def _gain(row: Mapping[str, Any], over: str) -> str:
    if f"gain_over_{over}" not in row:
        return ""
    low, high = (100 * each for each in row[f"interval_over_{over}"])
    return f"{100 * row[f'gain_over_{over}']:+.1f} [{low:+.1f}, {high:+.1f}], p = {row[f'p_over_{over}']:.1g}"
