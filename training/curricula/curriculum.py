"""What a curriculum is, and the one that has no opinion.

A curriculum draws tasks and learns how they went. It keeps no file: what it has learnt is the list of results that it
was told, in order, so a training that goes on tells it all of them again. Drawing is a function of what it has learnt
and of the draw's number. Not covered: curricula that prefer some tasks (the other files here).
"""

import random
from collections.abc import Sequence
from typing import Protocol

from tutelage.types import Data, Task

__all__ = ["Curriculum", "Draw", "Result", "Uniform"]

Draw = tuple[int, int, int]
"""A draw's number: seed, step, and how often tasks were drawn in the step before."""


class Result(Data):
    """How the rollouts of one task went in one step."""

    task: str
    family: str | None
    difficulty: int | None
    passed: float
    """The share of rollouts that ended well."""
    reward: float
    """The mean reward of its turns."""
    advantage: float
    """How far rewards are from their mean, on average: 0 where all went the same."""


class Curriculum(Protocol):
    """Chooses tasks."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Choose tasks, each at most once; fewer where there are fewer."""

    def learn(self, results: Sequence[Result]) -> None:
        """Hear how the tasks of a step went."""


class Uniform:
    """Every task with the same chance; none a second time before all had their turn."""

    name = "uniform"

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Take the step's stretch of a sequence of shuffled passes over the tasks; of further draws, any."""
        seed, step, again = number
        if count >= len(tasks):
            return list(tasks)
        if again:
            return random.Random(repr(number)).sample(list(tasks), count)
        turn, at = divmod(step * count, len(tasks))
        order = _pass(tasks, count, seed, turn)
        rest = count - len(order[at : at + count])
        return order[at : at + count] + (_pass(tasks, count, seed, turn + 1)[:rest] if rest else [])

    def learn(self, results: Sequence[Result]) -> None:
        """Forget it."""


def _pass(tasks: Sequence[Task], count: int, seed: int, number: int) -> list[Task]:
    """A shuffled pass over the tasks, counted from 0, that begins with none that its draw took from the one before."""
    order: list[Task] = []
    for turn in range(number + 1):
        taken = turn * len(tasks) % count
        before = {task.id for task in order[len(order) - taken :]}
        order = list(tasks)
        random.Random(repr((seed, turn))).shuffle(order)
        order.sort(key=lambda task: task.id in before)
    return order
