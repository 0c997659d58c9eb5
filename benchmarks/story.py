"""The documented story of a false verdict (examples/debugging_story.py), on held-out tasks and with its controls.

Every seed has its own training tasks, sampling and fine-tuning; the held-out tasks are the same. The gain of the
edited prompt is the mean over the first rollouts that the mistake spoilt, each resampled. The first seed has a control:
a training without the corrections. `--out` must not be there yet.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from examples import debugging_story as story

from benchmarks.storytelling.exam import compared, described, examine, solved
from benchmarks.storytelling.render import render
from tutelage.agents import ChatModel, connect
from tutelage.graphs import Spread
from tutelage.training import train
from tutelage.training.embedded.heldout import heldout_tasks
from tutelage.training.policies import local_directory
from tutelage.types import Task

__all__ = ["configure", "render", "run"]

SEEDS = 3
SPOILT = 5
"""Spoilt rollouts that are resampled, of each seed."""

say = partial(print, file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-story"), help="where the runs go")


def run(args: argparse.Namespace) -> dict[str, Any]:
    exam = heldout_tasks(2 if args.quick else 100)
    sizes = story.QUICK if args.quick else story.Sizes()
    folder = args.out / "quick" if args.quick else args.out
    found = []
    for seed in range(1 if args.quick else args.seeds):
        with connect(args.model, sampling=story.SAMPLING, seed=seed) as model:
            spoilt, control = (1, False) if args.quick else (SPOILT, seed == 0)
            found.append(
                tell(model, folder / f"seed-{seed}", exam, sizes, seed, spoilt=spoilt, control=control)
            )
        say(f"seed {seed}: {found[-1]['class']}")
    first = found[0]
    return {
        "resamples": sizes.resamples,
        **mean_gain([each for seed in found for each in seed["caught"]]),
        "class_errors_before": first["class"]["errors_before"],
        "class_errors_after": first["class"]["errors_after"],
        "p": first["class"]["p"],
        "heldout": described(exam),
        "seeds": found,
    }


def tell(
    model: ChatModel,
    folder: Path,
    exam: Sequence[Task],
    sizes: story.Sizes,
    seed: int,
    *,
    spoilt: int,
    control: bool,
) -> dict[str, Any]:
    """The story once, from the first rollout to the exam."""
    base = local_directory(model)
    story.go_wrong(model, folder, sizes, seed)
    caught, taught = [], []
    for nth in range(spoilt):
        with story.caught(model, folder, nth) as session:
            as_it_was, edited = story.compare_prompts(session, sizes.resamples)
            caught.append({"problem": session.task.problem, **resampled(as_it_was, edited)})
            if nth == 0:
                story.teach(model, session)
                taught += story.rows_of(session.run_record, exam, taught=True)
    story.teach_batch(model, folder / "laid-out")
    story.mark_all(folder / "plain")
    taught += story.rows_of(folder / "laid-out", exam, taught=True)
    true, plain = (story.rows_of(folder / name, exam, verifier=story.MARK) for name in ("laid-out", "plain"))
    say(f"seed {seed}: {len(taught)} corrections, {len(true)} true reviews, {len(plain)} plain answers")
    own = solved(model, exam)
    before = examine(model, exam, own)
    model.reload(train("sft", base, taught + true + plain, folder / "policy", story.TRAINING))
    after = examine(model, exam, own)
    found: dict[str, Any] = {"rows": {"corrections": len(taught), "true": len(true), "plain": len(plain)}}
    found |= {"caught": caught, **compared(exam, before, after)}
    if control:
        model.reload(train("sft", base, plain, folder / "control", story.TRAINING))
        found["control"] = compared(exam, before, examine(model, exam, own))
    return found


def resampled(as_it_was: Spread, edited: Spread) -> dict[str, Any]:
    """What the edit of the prompt gained."""
    gain = edited.against(as_it_was)
    return {
        "resamples": edited.n,
        "passed_before": as_it_was.passed,
        "passed_after": edited.passed,
        "gain": gain.difference,
        "interval": list(gain.interval),
        "gain_p": gain.p,
    }


def mean_gain(caught: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean gain of several rollouts, each with its own level.

    The interval is of these rollouts, not of others: the distances to the single intervals' ends are squared and added
    (MOVER: Zou & Donner 2008).
    """
    gains = [each["gain"] for each in caught]
    mean = sum(gains) / len(gains)
    down, up = (
        math.hypot(*(each["gain"] - each["interval"][end] for each in caught)) / len(caught) for end in (0, 1)
    )
    return {
        "rollouts": len(caught),
        "passed_before": sum(each["passed_before"] for each in caught),
        "passed_after": sum(each["passed_after"] for each in caught),
        "gain": mean,
        "interval": [mean - down, mean + up],
    }
