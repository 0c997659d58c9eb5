"""Learning progress: categories whose pass rate moves, up or down, are drawn more often.

The fast mean of a category's pass rate less its slow one, absolute (Matiisen et al. 2017, "Teacher-Student Curriculum
Learning"; the two means as in Portelas et al. 2020). A share of the draws ignores it. Not covered: progress of single
tasks.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tutelage.training.curricula.categories import by_category, category_of, draw_by
from tutelage.training.curricula.curriculum import Draw, Result
from tutelage.types import Task

__all__ = ["LearningProgress"]


@dataclass(slots=True)
class LearningProgress:
    """Draws by how much categories move."""

    fast: float = 0.5
    slow: float = 0.1
    explore: float = 0.2
    """The share of draws in which all categories have the same chance."""
    name: str = field(default="learning-progress", init=False)
    means: dict[str, tuple[float, float]] = field(default_factory=dict, init=False)
    """By category, the fast and the slow mean."""

    def draw(self, tasks: Sequence[Task], count: int, number: Draw) -> list[Task]:
        """Draw by progress; all alike while there is none."""
        groups = by_category(tasks)
        moved = {name: abs(fast - slow) for name, (fast, slow) in self.means.items() if name in groups}
        total = sum(moved.values())
        even = 1 / len(groups)
        chances = {
            name: even
            if not total
            else self.explore * even + (1 - self.explore) * moved.get(name, 0.0) / total
            for name in groups
        }
        return draw_by(groups, chances, count, random.Random(repr(number)))

    def learn(self, results: Sequence[Result]) -> None:
        """Move both means."""
        passed: dict[str, list[float]] = {}
        for result in results:
            passed.setdefault(category_of(result), []).append(result.passed)
        for name, values in passed.items():
            now = sum(values) / len(values)
            fast, slow = self.means.get(name, (now, now))
            self.means[name] = (fast + self.fast * (now - fast), slow + self.slow * (now - slow))
