"""Forgetting: a policy before and after its training, on families of tasks that it was not trained on.

Not covered: which tasks were trained on, beyond what the policy's lineage names (`Origin`).
"""

from collections.abc import Sequence

from tutelage.errors import UserError
from tutelage.training.comparison import Comparison
from tutelage.types import Data, Task

__all__ = ["Forgetting", "other_tasks"]


class Forgetting(Data):
    """What became of abilities that were not trained."""

    comparison: Comparison
    """Before and after, on the other tasks."""
    trained: tuple[str, ...] = ()
    """The families that were trained; empty where unknown."""

    @property
    def families(self) -> dict[str, Comparison]:
        """Before and after, family by family."""
        return self.comparison.families()


def other_tasks(trained: Sequence[str], count: int, seed: int = 0) -> list[Task]:
    """Held-out tasks of the families that were not trained, at the difficulty where the embedded model is half right.

    Args:
        trained: the families that were.
        count: tasks a family.
        seed: of the tasks.

    Raises:
        UserError: none of the trained families is known, or there is no other.
    """
    from tutelage.tools.families import make_tasks
    from tutelage.training.embedded.heldout import MIDDLING

    left = [name for name in MIDDLING if name not in trained]
    if not left or len(left) == len(MIDDLING):
        raise UserError(
            f"it is not known which families were not trained on (trained: {', '.join(trained) or 'unknown'}); "
            "give tasks of others"
        )
    return [
        task for name in left for task in make_tasks(name, MIDDLING[name], count, seed=seed, split="heldout")
    ]
