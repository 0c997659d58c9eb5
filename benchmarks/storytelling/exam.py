"""The exam of the story: held-out tasks, what a model does with them, and the paired difference of two models.

What is reviewed is the same for all models: worked solutions, and solutions that the untrained model sampled. Not
covered: how the models came about (`examples/debugging_story.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from examples import debugging_story as story

from tutelage.agents import ChatModel, Solver
from tutelage.graphs import rollout, self_refine
from tutelage.tools import step_checker
from tutelage.training import mcnemar, newcombe
from tutelage.training.embedded.heldout import digest, heldout_tasks
from tutelage.types import Task

__all__ = ["Exam", "Seen", "compared", "examine", "paired", "solved"]

LONGER = (9, 10)
"""Operations that no training row has."""

Seen = Mapping[str, Sequence[bool]]
"""By the name of a question, whether each case of it went well."""


@dataclass(frozen=True, slots=True)
class Exam:
    """The held-out tasks."""

    long: tuple[Task, ...]
    longer: tuple[Task, ...]
    ordinary: tuple[Task, ...]

    @classmethod
    def of(cls, long: int, longer: int, per_family: int) -> "Exam":
        """Draw so many of each."""
        return cls(
            tuple(story.long_chains(long, 0, "heldout")),
            tuple(story.long_chains(longer, 1, "heldout", LONGER)),
            tuple(heldout_tasks(per_family)),
        )

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All of them: what no training row may repeat."""
        return (*self.long, *self.longer, *self.ordinary)

    def described(self) -> dict[str, Any]:
        """How many there are, and which."""
        counts = {"long": len(self.long), "longer": len(self.longer), "ordinary": len(self.ordinary)}
        return {**counts, "sha256": digest(self.tasks)}


def solved(model: ChatModel, tasks: Sequence[Task]) -> list[str]:
    """One sampled solution of each task."""
    solver = Solver(model)
    found = story.wait_for(story.together([solver.solve(task.problem, 1) for task in tasks]))
    return [one.text for (one,) in found]


def examine(model: ChatModel, exam: Exam, own: Sequence[str]) -> Seen:
    """Put all questions to a model.

    Args:
        model: the model.
        exam: the tasks.
        own: a solution of each long and each ordinary task, by the untrained model.
    """
    ours = list(zip((*exam.long, *exam.ordinary), own, strict=True))
    wrong = [case for case in ours[: len(exam.long)] if not story.is_right(*case)]
    ordinary = ours[len(exam.long) :]
    return {
        "class": called_right(model, worked(exam.long)),
        "longer": called_right(model, worked(exam.longer)),
        "opposite": [not said for said in called_right(model, wrong)],
        "ordinary_verdicts": [
            said == story.is_right(*case)
            for said, case in zip(called_right(model, ordinary), ordinary, strict=True)
        ],
        "ordinary_solved": rights(exam.ordinary, solved(model, exam.ordinary)),
        "long_solved": rights(exam.long, solved(model, exam.long)),
        "ordinary_loop": looped(model, exam.ordinary),
        "long_loop": looped(model, exam.long),
    }


def worked(tasks: Sequence[Task]) -> list[tuple[Task, str]]:
    """The tasks with their worked solutions: of a chain the only right one there is."""
    return [(task, task.solution or "") for task in tasks]


def called_right(model: ChatModel, cases: Sequence[tuple[Task, str]]) -> list[bool]:
    return [review.verdict == "right" for review in story.reviews(model, cases)]


def rights(tasks: Sequence[Task], solutions: Sequence[str]) -> list[bool]:
    return [story.is_right(*case) for case in zip(tasks, solutions, strict=True)]


def looped(model: ChatModel, tasks: Sequence[Task]) -> list[bool]:
    """Whether the loop ends with a right solution."""
    with rollout(self_refine(model, story.ROUNDS), tasks, verifier=step_checker, progress=False) as run:
        ids = {each.id: each.task.id for each in run.rollouts()}
        passed = {ids[row.subject_id]: row.score.passed for row in run.scores(subject="rollout")}
    return [passed.get(task.id) is True for task in tasks]


def compared(exam: Exam, before: Seen, after: Seen) -> dict[str, Any]:
    """Every question of the exam, and the mistake by the length of the chain."""
    found: dict[str, Any] = {name: paired(before[name], after[name]) for name in before}
    found["by_length"] = {}
    for tasks, name in ((exam.long, "class"), (exam.longer, "longer")):
        for length in sorted({task.difficulty for task in tasks if task.difficulty}):
            at = [place for place, task in enumerate(tasks) if task.difficulty == length]
            sides = ([seen[name][place] for place in at] for seen in (before, after))
            found["by_length"][str(length)] = paired(*sides)
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
