"""The exam of the story: held-out tasks, what a model does with them, and the paired difference of two models.

What is reviewed is the same for all models: worked solutions, and solutions that the untrained model sampled; both are
laid out as the graph of the story does it, or left as they are. Not covered: how the models came about
(`examples/debugging_story.py`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from examples import debugging_story as story

from tutelage.agents import ChatModel, Solver
from tutelage.graphs import rollout, self_refine
from tutelage.tools import step_checker
from tutelage.training import mcnemar, newcombe
from tutelage.training.embedded.heldout import digest
from tutelage.types import Task

__all__ = ["Seen", "compared", "described", "examine", "paired", "solved"]

Seen = Mapping[str, Sequence[bool]]
"""By the name of a question, whether each case of it went well."""


def described(tasks: Sequence[Task]) -> dict[str, Any]:
    """How many tasks there are, and which."""
    return {"tasks": len(tasks), "sha256": digest(tasks)}


def solved(model: ChatModel, tasks: Sequence[Task]) -> list[str]:
    """One sampled solution of each task."""
    solver = Solver(model)
    found = asyncio.run(story.together([solver.solve(task.problem, 1) for task in tasks]))
    return [one.text for (one,) in found]


def examine(model: ChatModel, tasks: Sequence[Task], own: Sequence[str]) -> Seen:
    """Put all questions to a model.

    Args:
        model: the model.
        tasks: the tasks.
        own: a solution of each, by the untrained model.
    """
    worked = [(task, task.solution or "") for task in tasks]
    ours = list(zip(tasks, own, strict=True))
    wrong = [(task, solution) for task, solution in ours if not story.is_right(task, solution)]
    return {
        "class": called_right(model, laid_out(worked)),
        "opposite": [not said for said in called_right(model, laid_out(wrong))],
        "plain_right": called_right(model, worked),
        "plain_verdicts": [
            said == story.is_right(*case) for said, case in zip(called_right(model, ours), ours, strict=True)
        ],
        "solved": [story.is_right(*case) for case in zip(tasks, solved(model, tasks), strict=True)],
        "loop_laid_out": looped(story.laid_out(model), tasks),
        "loop_plain": looped(self_refine(model, story.ROUNDS), tasks),
    }


def laid_out(cases: Sequence[tuple[Task, str]]) -> list[tuple[Task, str]]:
    return [(task, story.as_markdown(solution)) for task, solution in cases]


def called_right(model: ChatModel, cases: Sequence[tuple[Task, str]]) -> list[bool]:
    return [review.verdict == "right" for review in story.reviews(model, cases)]


def looped(graph: Any, tasks: Sequence[Task]) -> list[bool]:
    """Whether the loop ends with a right solution."""
    with rollout(graph, tasks, verifier=step_checker, progress=False) as run:
        ids = {each.id: each.task.id for each in run.rollouts()}
        passed = {ids[row.subject_id]: row.score.passed for row in run.scores(subject="rollout")}
    return [passed.get(task.id) is True for task in tasks]


def compared(tasks: Sequence[Task], before: Seen, after: Seen) -> dict[str, Any]:
    """Every question of the exam, and the mistake by family."""
    found: dict[str, Any] = {name: paired(before[name], after[name]) for name in before}
    found["by_family"] = {}
    for family in sorted({task.family for task in tasks}):
        at = [place for place, task in enumerate(tasks) if task.family == family]
        sides = ([seen["class"][place] for place in at] for seen in (before, after))
        found["by_family"][family] = paired(*sides)
    return found


def paired(before: Sequence[bool], after: Sequence[bool]) -> dict[str, Any]:
    """Errors of two models on the same cases, and the difference of the shares that went well."""
    pairs = list(zip(before, after, strict=True))
    both, lost, won = (pairs.count(pair) for pair in ((True, True), (True, False), (False, True)))
    neither = len(pairs) - both - lost - won
    return {
        "n": len(pairs),
        "errors_before": won + neither,
        "errors_after": lost + neither,
        "gain": (won - lost) / len(pairs),
        "interval": list(newcombe(both, lost, won, neither)),
        "p": mcnemar(lost, won),
    }
