"""What a family of tasks is: unlimited problems from a seed, with an exact reference and an exact check of every step.

A family speaks five short texts, all checkable: the worked solution, the review of an attempt, the repaired
attempt, the hint and the attempt with a slip in it. A solution's steps are its non-empty lines; the last one is
`answer: X`. Not covered: problems in natural language, or with answers that only a person can judge.
"""

from dataclasses import dataclass
from random import Random
from typing import Protocol

from tutelage.types import Task

__all__ = ["Family", "StepCheck", "verdict"]


@dataclass(frozen=True, slots=True)
class StepCheck:
    """The exact judgement of one solution."""

    steps: tuple[bool, ...]
    """One flag a line: right, given the lines before it. Lines after the first wrong one count as wrong."""
    answer: str | None
    """The key to vote by; `None` where the solution gives no answer."""
    right: bool
    """Every step is right and the answer is reached."""

    @property
    def first_wrong(self) -> int | None:
        """The first wrong line, counted from 1; one past the end where the solution breaks off."""
        if self.right:
            return None
        return self.steps.index(False) + 1 if False in self.steps else len(self.steps) + 1


class Family(Protocol):
    """One kind of task, with everything that can be said about it exactly."""

    name: str

    def generate(self, rng: Random, difficulty: int) -> Task:
        """Draw a task of a difficulty from 1 (easiest) to 5; the id is left empty."""

    def key(self, task: Task) -> str:
        """The task without its arrangement: two tasks with one key count as the same."""

    def answer_key(self, solution: str) -> str | None:
        """The canonical answer of a solution, or `None`."""

    def check(self, task: Task, solution: str) -> StepCheck:
        """Judge every line."""

    def review(self, task: Task, solution: str) -> str:
        """Recompute every line by another route up to the first wrong one, and end with the verdict."""

    def repair(self, task: Task, solution: str, rng: Random) -> str:
        """A right solution that keeps as much of the attempt as is right."""

    def hint(self, task: Task, solution: str) -> str:
        """What helps past the first wrong step, without the answer."""

    def slip(self, task: Task, rng: Random) -> str:
        """An attempt that goes wrong the way a careless solver would."""


def verdict(check: StepCheck) -> str:
    """The last line of a review."""
    wrong = check.first_wrong
    return "verdict: right" if wrong is None else f"verdict: wrong at step {wrong}"
