"""Categories of tasks, and drawing tasks by weights of their categories.

Not covered: where the weights come from.
"""

import math
import random
from collections.abc import Mapping, Sequence

from tutelage.errors import UserError
from tutelage.training.curricula.curriculum import Result
from tutelage.types import Task

__all__ = ["by_category", "category_of", "draw_by", "softmax"]


def category_of(task: Task | Result) -> str:
    """Say of which category a task is: its family and its difficulty, as far as it has them."""
    return f"{task.family or 'any'}/{task.difficulty if task.difficulty is not None else 'any'}"


def by_category(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """Group tasks by category, in the order given."""
    found: dict[str, list[Task]] = {}
    for task in tasks:
        found.setdefault(category_of(task), []).append(task)
    return found


def softmax(values: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Give chances that grow with the values; the lower the temperature, the more.

    Raises:
        UserError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise UserError(f"the temperature of a curriculum is {temperature}; it must be above 0")
    peak = max(values.values())
    powers = {name: math.exp((value - peak) / temperature) for name, value in values.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}


def draw_by(
    groups: Mapping[str, Sequence[Task]], chances: Mapping[str, float], count: int, rng: random.Random
) -> list[Task]:
    """Draw tasks: each time a category by its chance, and one of its tasks that is not drawn yet."""
    left = {name: rng.sample(list(group), len(group)) for name, group in groups.items()}
    found: list[Task] = []
    while len(found) < count and left:
        names = sorted(left)
        weights = [chances[name] for name in names]
        (name,) = rng.choices(names, weights if any(weights) else None)
        found.append(left[name].pop())
        if not left[name]:
            del left[name]
    return found
