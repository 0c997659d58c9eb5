"""Families of tasks with exact references, exact step checks and a dial; splits that cannot overlap.

`make_tasks` draws from one split. Which split a task belongs to is decided by a hash of its key, so training can
never meet a held-out task, whatever the seed.
"""

from tutelage.tools.families.family import Family, StepCheck
from tutelage.tools.families.splits import FAMILIES, Split, family_of, make_tasks, split_of

__all__ = ["FAMILIES", "Family", "Split", "StepCheck", "family_of", "make_tasks", "split_of"]
