"""Which tasks are for training, for development and held out: decided by a hash of the task, for ever.

An eighth of all tasks is held out, a sixteenth is for development (choosing settings), the rest is for training.
"""

import hashlib
from collections.abc import Mapping
from random import Random
from typing import Literal, get_args

from tutelage.errors import UserError
from tutelage.tools.families.arithmetic import Arithmetic
from tutelage.tools.families.countdown import Countdown
from tutelage.tools.families.equations import Equations
from tutelage.tools.families.family import Family
from tutelage.types import Task

__all__ = ["FAMILIES", "Split", "family_of", "make_tasks", "split_of"]

Split = Literal["train", "dev", "heldout"]

PATIENCE = 5000
"""Draws without a new task after which there is taken to be none."""

FAMILIES: Mapping[str, Family] = {family.name: family for family in (Arithmetic(), Equations(), Countdown())}


def family_of(task: Task) -> Family:
    """The family that a task came from.

    Raises:
        UserError: the task is of no family known here, so nothing exact can be said of its steps.
    """
    if task.family not in FAMILIES:
        raise UserError(
            f"task {task.id!r} has the family {task.family!r}; exact step checks exist for {', '.join(FAMILIES)}"
        )
    return FAMILIES[task.family]


def split_of(task: Task) -> Split:
    """The split that a task belongs to, by the hash of its key."""
    key = f"{task.family}: {family_of(task).key(task)}"
    bucket = hashlib.sha256(key.encode()).digest()[0] % 16
    return "heldout" if bucket < 2 else "dev" if bucket == 2 else "train"


def make_tasks(family: str, difficulty: int, count: int, seed: int, split: Split = "train") -> list[Task]:
    """Draw different tasks of one split; the same arguments give the same tasks.

    Raises:
        UserError: the family, difficulty or split is unknown, or so many different tasks do not exist.
    """
    if family not in FAMILIES:
        raise UserError(f"unknown family {family!r}; known are {', '.join(FAMILIES)}")
    if difficulty not in range(1, 6):
        raise UserError(f"difficulty {difficulty!r} of {family}: the dial goes from 1 to 5")
    if split not in get_args(Split):
        raise UserError(f"unknown split {split!r}; known are {', '.join(get_args(Split))}")
    rng = Random(f"{family}/{difficulty}/{split}/{seed}")
    tasks: dict[str, Task] = {}
    in_vain = 0
    while len(tasks) < count and in_vain < PATIENCE:
        in_vain += 1
        task = FAMILIES[family].generate(rng, difficulty)
        key = FAMILIES[family].key(task)
        if split_of(task) == split and key not in tasks:
            name = f"{family}-{difficulty}-{split}-{seed}-{len(tasks)}"
            tasks[key] = task.model_copy(update={"id": name})
            in_vain = 0
    if len(tasks) < count:
        raise UserError(
            f"{family} at difficulty {difficulty} gave only {len(tasks)} different tasks of the {count} asked for"
        )
    return list(tasks.values())
