"""Bandits over categories of tasks, paid by absolute advantage: a category teaches where its rewards differ.

`SelfEvolving` (Chen et al. 2025, "Self-Evolving Curriculum for LLM Reasoning"): Q <- Q + rate * (pay - Q), TD(0), drawn
by a softmax over Q. `UpperConfidence` (Wang et al. 2025, "DUMP"): the mean pay of a window plus
sqrt(2 ln(n + 1) / (n_c + 1)), n all draws and n_c the category's, drawn by a softmax. Not covered: other pays.
"""

import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tutelage.training.curricula.categories import by_category, category_of, draw_by, softmax
from tutelage.training.curricula.curriculum import Draw, Result
from tutelage.types import Task

__all__ = ["SelfEvolving", "UpperConfidence"]


@dataclass(slots=True)
class SelfEvolving:
    """Draws by what categories paid of late."""

    rate: float = 0.5
    temperature: float = 0.2
    name: str = field(default="self-evolving", init=False)
    values: dict[str, float] = field(default_factory=dict, init=False)
    """Q by category; 0 before the first pay."""

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Draw by a softmax over the values."""
        groups = by_category(tasks)
        known = {name: self.values.get(name, 0.0) for name in groups}
        return draw_by(groups, softmax(known, self.temperature), count, random.Random(repr(number)))

    def learn(self, results: Sequence[Result]) -> None:
        """Move the values of the categories that were drawn."""
        for name, pay in _paid(results):
            value = self.values.get(name, 0.0)
            self.values[name] = value + self.rate * (pay - value)


@dataclass(slots=True)
class UpperConfidence:
    """Draws by what categories paid, and what is not known of them yet."""

    window: int = 300
    """Of how many rewarded tasks of a category the mean is taken."""
    temperature: float = 0.1
    name: str = field(default="upper-confidence", init=False)
    paid: dict[str, deque[float]] = field(default_factory=dict, init=False)
    draws: dict[str, int] = field(default_factory=dict, init=False)

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Draw by a softmax over the upper bounds."""
        groups = by_category(tasks)
        total = sum(self.draws.values())
        bounds = {}
        for name in groups:
            known = self.paid.get(name, ())
            mean = sum(known) / len(known) if known else 0.0
            bounds[name] = mean + math.sqrt(2 * math.log(total + 1) / (self.draws.get(name, 0) + 1))
        return draw_by(groups, softmax(bounds, self.temperature), count, random.Random(repr(number)))

    def learn(self, results: Sequence[Result]) -> None:
        """Remember the pays of a window."""
        for result in results:
            name = category_of(result)
            self.paid.setdefault(name, deque(maxlen=self.window)).append(result.advantage)
            self.draws[name] = self.draws.get(name, 0) + 1


def _paid(results: Sequence[Result]) -> Iterator[tuple[str, float]]:
    """By category, the mean absolute advantage."""
    pays: dict[str, list[float]] = {}
    for result in results:
        pays.setdefault(category_of(result), []).append(result.advantage)
    for name, values in pays.items():
        yield name, sum(values) / len(values)
