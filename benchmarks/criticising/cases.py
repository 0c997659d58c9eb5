"""What the critics judge: a seed's own attempts, one right and one wrong of each task, laid out as Markdown.

The layout (two spaces at the end of a line) is what leaves room: the embedded reviewer, near 94 % on solutions as
written, calls half of the right ones wrong when they are laid out so. Nothing was done to the model for it.
"""

from collections.abc import Sequence
from pathlib import Path

from examples.debugging_story import as_markdown

from tutelage.agents import ChatModel
from tutelage.graphs import one_shot, rollout
from tutelage.graphs.critique import ATTEMPT, attempt_of
from tutelage.tools import family_answer, find_leak, step_checker
from tutelage.tools.families import family_of
from tutelage.training import attempts
from tutelage.training.embedded.heldout import development_tasks, heldout_tasks, training_tasks
from tutelage.types import Task

__all__ = ["REPEATS", "exact_leaks", "examined", "laid_out", "made", "taught"]

REPEATS = 4
"""Solutions of each task, of which a right and a wrong one are drawn."""


def taught(actor: ChatModel, per_family: int, seed: int, store: Path) -> list[Task]:
    """Attempts at training tasks, as written; others for every seed."""
    return made(actor, training_tasks(per_family, seed), seed, store)


def examined(actor: ChatModel, per_family: int, seed: int, store: Path, *, development: bool) -> list[Task]:
    """Attempts at the held-out tasks, or at development tasks, as written."""
    tasks = development_tasks(per_family) if development else heldout_tasks(per_family)
    return made(actor, tasks, seed, store)


def made(actor: ChatModel, tasks: Sequence[Task], seed: int, store: Path) -> list[Task]:
    """Solve tasks and draw attempts; the same folder continues."""
    graph = one_shot(actor, verifier=step_checker)
    with rollout(graph, tasks, verifier=step_checker, store=store, repeats=REPEATS) as run:
        return attempts(run, seed=seed)


def laid_out(tasks: Sequence[Task]) -> list[Task]:
    """The same attempts as Markdown."""
    return [
        task.model_copy(update={"metadata": {**task.metadata, ATTEMPT: as_markdown(attempt_of(task))}})
        for task in tasks
    ]


def exact_leaks(tasks: Sequence[Task]) -> list[bool]:
    """Of wrong attempts: whether the family's exact review is called a leak. What is above that is the critic's own."""
    found = []
    for task in tasks:
        attempt = attempt_of(task)
        score = step_checker.score(task, attempt)
        if not score.passed:
            review = family_of(task).review(task, attempt)
            found.append(bool(find_leak(review, task, attempt, verifier=family_answer, score=score)))
    return found
