"""Curricula by difficulty: in stages, within a window of pass rates, or around a target that follows the rewards.

`Staged` takes one difficulty after the other. `Window` keeps to tasks whose pass rate of late lies in a window, which is
the online difficulty filter of many recipes; unknown tasks are tried first. `AdaptiveTarget` (Shi et al. 2025,
"Efficient Reinforcement Finetuning via Adaptive Curriculum Learning", AdaRFT) takes the tasks nearest to a target,
T <- T + step * tanh(gain * (reward - goal)), kept within limits. Not covered: how difficult a task is (its own field says
that).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tutelage.errors import UserError
from tutelage.training.curricula.curriculum import Draw, Result, Uniform
from tutelage.types import Task

__all__ = ["AdaptiveTarget", "Staged", "Window"]


@dataclass(slots=True)
class Staged:
    """The easiest first; the next when enough of a step's rollouts pass, or after so many steps."""

    passed: float = 0.8
    steps: int = 20
    name: str = field(default="staged", init=False)
    stage: int = field(default=0, init=False)
    since: int = field(default=0, init=False)

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Draw evenly from the tasks of this stage and those before."""
        levels = sorted({_difficulty(task) for task in tasks})
        reached = set(levels[: self.stage + 1])
        open_now = [task for task in tasks if _difficulty(task) in reached]
        return Uniform().draw(open_now, count, number)

    def learn(self, results: Sequence[Result]) -> None:
        """Count the step, and go on where it went well."""
        self.since += 1
        share = sum(result.passed for result in results) / max(1, len(results))
        if share >= self.passed or self.since >= self.steps:
            self.stage, self.since = self.stage + 1, 0


@dataclass(slots=True)
class Window:
    """Tasks that sometimes pass and sometimes fail."""

    low: float = 0.1
    high: float = 0.9
    retry: int = 20
    """After so many steps, what fell out is tried again."""
    name: str = field(default="window", init=False)
    seen: dict[str, tuple[float, int]] = field(default_factory=dict, init=False)
    """By task, its last pass rate and the step of it."""
    step: int = field(default=0, init=False)

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Take tasks inside the window and unknown ones; fill up with those nearest to it."""
        rng = random.Random(repr(number))
        mixed = rng.sample(list(tasks), len(tasks))
        return sorted(mixed, key=self._outside)[:count]

    def learn(self, results: Sequence[Result]) -> None:
        """Remember the pass rates."""
        self.step += 1
        for result in results:
            self.seen[result.task] = (result.passed, self.step)

    def _outside(self, task: Task) -> float:
        passed, step = self.seen.get(task.id, (self.low, self.step))
        if self.step - step >= self.retry:
            return 0.0
        return max(self.low - passed, passed - self.high, 0.0)


@dataclass(slots=True)
class AdaptiveTarget:
    """Tasks around a difficulty that rises while rewards are above the goal."""

    target: float = 1.0
    goal: float = 0.5
    gain: float = 2.0
    step: float = 0.5
    lowest: float = 1.0
    highest: float = 5.0
    name: str = field(default="adaptive-target", init=False)

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Take the nearest; which of those that are equally near, by chance."""
        mixed = random.Random(repr(number)).sample(list(tasks), len(tasks))
        return sorted(mixed, key=lambda task: abs(_difficulty(task) - self.target))[:count]

    def learn(self, results: Sequence[Result]) -> None:
        """Move the target."""
        if not results:
            return
        mean = sum(result.reward for result in results) / len(results)
        moved = self.target + self.step * math.tanh(self.gain * (mean - self.goal))
        self.target = min(max(moved, self.lowest), self.highest)


def _difficulty(task: Task) -> int:
    if task.difficulty is None:
        raise UserError(
            f"task {task.id!r} has no difficulty, which this curriculum goes by; take another one"
        )
    return task.difficulty
