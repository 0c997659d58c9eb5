"""The embedded model in every role, on held-out tasks of middling difficulty and on its own sampled solutions."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from tutelage.agents import ChatModel, Refiner, Reviewer, Solver, Teacher, connect, embedded_directory
from tutelage.agents.roles import Solution
from tutelage.tools import family_answer
from tutelage.tools.families import family_of
from tutelage.training import bootstrap_mean, pass_at_k
from tutelage.training.embedded.heldout import MIDDLING, SAMPLING, digest, disjoint, heldout_tasks
from tutelage.types import Task

SAMPLES = 16
REVIEWED = 4
"""Of each task's samples, how many are reviewed, and of the wrong ones refined."""
DRAWS = 400
"""Of a bootstrap."""
HINTED = 4
"""Solutions under a hint, of tasks whose first sample is wrong."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="embedded", help="what connect() takes")
    parser.add_argument("--seed", type=int, default=0, help="seeds the engine")


@dataclass(slots=True)
class Seen:
    """What was seen on one task."""

    task: Task
    right: list[bool] = field(default_factory=list)
    verdicts: list[tuple[bool, bool]] = field(default_factory=list)
    """Whether the solution was right, and whether the reviewer said so."""
    located: list[bool] = field(default_factory=list)
    """Of wrong solutions found wrong: whether the named step is the first wrong one."""
    repaired: list[bool] = field(default_factory=list)
    hinted: list[bool] = field(default_factory=list)
    corrected: list[bool] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)
    """Whether a hint states the reference answer."""


def run(args: argparse.Namespace) -> dict[str, Any]:
    tasks = heldout_tasks(60 if args.quick else 340)
    model = connect(args.model, sampling=SAMPLING, seed=args.seed)
    try:
        seen = asyncio.run(look(model, tasks))
    finally:
        model.close()
    directory = (
        embedded_directory() if args.model.startswith("embedded") else Path(args.model.partition(":")[2])
    )
    families = {name: [each for each in seen if each.task.family == name] for name in MIDDLING}
    return {
        "overall": figures(seen),
        "families": {name: figures(part) for name, part in families.items()},
        "difficulty": dict(MIDDLING),
        "n": len(tasks),
        "heldout_sha256": digest(tasks),
        "disjoint": disjoint(tasks, ()),
        "bytes": sum(path.stat().st_size for path in directory.iterdir() if path.is_file()),
        "parameters": parameters(directory),
    }


async def look(model: ChatModel, tasks: Sequence[Task]) -> list[Seen]:
    """Play every role on every task."""
    gate = asyncio.Semaphore(96)
    done = 0

    async def one(task: Task) -> Seen:
        nonlocal done
        async with gate:
            found = await observe(model, task)
        done += 1
        if done % 100 == 0:
            print(f"{done} of {len(tasks)} tasks", file=sys.stderr)
        return found

    return list(await asyncio.gather(*map(one, tasks)))


async def observe(model: ChatModel, task: Task) -> Seen:
    """One task in all roles."""
    seen, kind = Seen(task), family_of(task)
    passed = partial(is_right, task)
    samples = await Solver(model).solve(task.problem, SAMPLES)
    seen.right = [passed(each) for each in samples]
    teacher, reference = Teacher(model), task.solution or ""
    for sample in samples[:REVIEWED]:
        review = await Reviewer(model).review(task.problem, sample.text)
        right = passed(sample)
        seen.verdicts.append((right, review.verdict == "right"))
        if not right:
            if review.verdict == "wrong":
                seen.located.append(review.step == kind.check(task, sample.text).first_wrong)
            truth = kind.review(task, sample.text)
            seen.repaired.append(passed(await Refiner(model).refine(task.problem, sample.text, truth)))
            seen.corrected.append(passed(await teacher.correct(task.problem, sample.text, reference)))
    if not seen.right[0]:
        hint = await teacher.hint(task.problem, samples[0].text, reference)
        seen.told.append(f"answer: {task.reference}" in hint.text)
        seen.hinted = [
            passed(each) for each in await Solver(model).solve(task.problem, HINTED, hint=hint.text)
        ]
    return seen


def is_right(task: Task, solution: Solution) -> bool:
    return bool(family_answer.score(task, solution.text).passed)


def figures(seen: Sequence[Seen]) -> dict[str, Any]:
    """All figures of some tasks; intervals are bootstraps over tasks."""
    hinted = [each for each in seen if each.hinted]
    gains = [fmean(each.hinted) - fmean(each.right[1:]) for each in hinted]
    return {
        "tasks": len(seen),
        "pass@1": fmean(fmean(each.right) for each in seen),
        "pass@1_interval": list(bootstrap_mean([fmean(each.right) for each in seen])),
        "pass@16": fmean(pass_at_k(SAMPLES, sum(each.right), SAMPLES) for each in seen),
        "verdict_balanced_accuracy": balanced(seen),
        "verdict_interval": interval(seen, balanced),
        "right_called_right": rate([said for each in seen for right, said in each.verdicts if right]),
        "wrong_called_wrong": rate([not said for each in seen for right, said in each.verdicts if not right]),
        "located": rate([found for each in seen for found in each.located]),
        "repair_rate": repairs(seen),
        "repair_interval": interval(seen, repairs),
        "correct_rate": rate([found for each in seen for found in each.corrected]),
        "hint_gain": fmean(gains) if gains else None,
        "hint_gain_interval": list(bootstrap_mean(gains)) if gains else None,
        "hinted_tasks": len(hinted),
        "hints_that_tell": rate([told for each in seen for told in each.told]),
    }


def rate(found: Sequence[bool]) -> float | None:
    return fmean(found) if found else None


def repairs(seen: Sequence[Seen]) -> float | None:
    """The share of wrong solutions that the refiner puts right under a true review."""
    return rate([found for each in seen for found in each.repaired])


def balanced(seen: Sequence[Seen]) -> float | None:
    """The mean of how often right is called right and wrong wrong."""
    pairs = [pair for each in seen for pair in each.verdicts]
    rights = [said for right, said in pairs if right]
    wrongs = [not said for right, said in pairs if not right]
    return (fmean(rights) + fmean(wrongs)) / 2 if rights and wrongs else None


def interval(seen: Sequence[Seen], figure: Callable[[Sequence[Seen]], float | None]) -> list[float]:
    """A 95 % bootstrap of a figure over tasks."""
    rng = Random(0)
    drawn = (figure(rng.choices(seen, k=len(seen))) for _ in range(DRAWS))
    found = sorted(value for value in drawn if value is not None)
    return [found[int(0.025 * len(found))], found[int(0.975 * len(found)) - 1]]


def parameters(directory: Path) -> int:
    """How many numbers the weights hold."""
    from math import prod

    from safetensors import safe_open

    total = 0
    for path in directory.glob("*.safetensors"):
        with safe_open(path, framework="np") as weights:
            total += sum(prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total


def render(result: dict[str, Any]) -> str:
    head = [
        "pass@1",
        "pass@16",
        "verdict_balanced_accuracy",
        "repair_rate",
        "hint_gain",
        "located",
        "correct_rate",
    ]
    rows = [
        "## The embedded model",
        "",
        f"{result['n']} held-out tasks; {result['parameters']:,} parameters, {result['bytes'] / 1e6:.1f} MB; "
        f"held-out tasks disjoint from the corpus: {result['disjoint']}. All in %, at temperature 1.",
        "",
        "| family (difficulty) | " + " | ".join(head) + " |",
        "|---|" + "---:|" * len(head),
    ]
    for name, found in {**result["families"], "overall": result["overall"]}.items():
        shown = f"{name} ({result['difficulty'][name]})" if name in result["difficulty"] else name
        values = ["-" if found[key] is None else f"{100 * found[key]:.1f}" for key in head]
        rows.append(f"| {shown} | " + " | ".join(values) + " |")
    overall = result["overall"]
    rows += [
        "",
        "95 % intervals over tasks, overall: "
        + ", ".join(
            f"{name} [{100 * overall[key][0]:.1f}, {100 * overall[key][1]:.1f}]"
            for name, key in [
                ("pass@1", "pass@1_interval"),
                ("verdicts", "verdict_interval"),
                ("repair", "repair_interval"),
                ("hint gain", "hint_gain_interval"),
            ]
            if overall[key]
        )
        + ".",
    ]
    return "\n".join(rows)
