"""The documented story of a false verdict (examples/debugging_story.py), on held-out tasks and with its controls.

Every seed has its own training tasks, sampling and fine-tuning; the held-out tasks are the same. The first seed has two
controls: more spoilt rollouts resampled, and a training without the corrections. `--out` must not be there yet.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from examples import debugging_story as story

from benchmarks.storytelling.exam import compared, described, examine, solved
from benchmarks.storytelling.render import render
from tutelage.agents import ChatModel, connect
from tutelage.graphs import Spread
from tutelage.training import train_sft
from tutelage.training.embedded.heldout import heldout_tasks
from tutelage.training.policies import local_directory
from tutelage.types import Task

__all__ = ["configure", "render", "run"]

SEEDS = 3
SPOILT = 5
"""Spoilt rollouts that are resampled."""

say = partial(print, file=sys.stderr, flush=True)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-story"), help="where the runs go")


def run(args: argparse.Namespace) -> dict[str, Any]:
    exam = heldout_tasks(4 if args.quick else 100)
    sizes = story.QUICK if args.quick else story.Sizes()
    folder = args.out / "quick" if args.quick else args.out
    found = []
    for seed in range(1 if args.quick else args.seeds):
        with connect(args.model, sampling=story.SAMPLING, seed=seed) as model:
            controls = seed == 0 and not args.quick
            found.append(tell(model, folder / f"seed-{seed}", exam, sizes, seed, controls=controls))
        say(f"seed {seed}: {found[-1]['class']}")
    first = found[0]
    return {
        **first["caught"][0],
        "class_errors_before": first["class"]["errors_before"],
        "class_errors_after": first["class"]["errors_after"],
        "p": first["class"]["p"],
        "heldout": described(exam),
        "seeds": found,
    }


def tell(
    model: ChatModel, folder: Path, exam: Sequence[Task], sizes: story.Sizes, seed: int, *, controls: bool
) -> dict[str, Any]:
    """The story once, from the first rollout to the exam."""
    base = local_directory(model)
    story.go_wrong(model, folder, sizes, seed)
    caught, taught = [], []
    for nth in range(SPOILT if controls else 1):
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
    model.reload(train_sft(base, taught + true + plain, folder / "policy", story.TRAINING))
    after = examine(model, exam, own)
    found: dict[str, Any] = {"rows": {"corrections": len(taught), "true": len(true), "plain": len(plain)}}
    found |= {"caught": caught, **compared(exam, before, after)}
    if controls:
        model.reload(train_sft(base, plain, folder / "control", story.TRAINING))
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
