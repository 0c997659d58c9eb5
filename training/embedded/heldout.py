"""The embedded model's tasks: held out for measuring, of the training split for learning, of middling difficulty.

Middling is where the model is right about half of the time, chosen on the development split. Which tasks are held
out is fixed for ever; `disjoint` shows that the corpus never meets them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import islice

from tutelage.tools.families import FAMILIES, Split, family_of, make_tasks, split_of
from tutelage.training.embedded.corpus import corpus
from tutelage.types import Sampling, Task

__all__ = [
    "MIDDLING",
    "SAMPLING",
    "development_tasks",
    "digest",
    "disjoint",
    "heldout_tasks",
    "training_tasks",
]

MIDDLING: Mapping[str, int] = {"arithmetic": 4, "equations": 5, "countdown": 2}
"""The difficulty of every family."""
SAMPLING = Sampling(temperature=1.0, max_tokens=320)
"""How the embedded model is sampled wherever it is measured."""


def heldout_tasks(per_family: int) -> list[Task]:
    """The first held-out tasks of every family; a larger number keeps the smaller one's tasks."""
    return _middling(per_family, 0, "heldout")


def development_tasks(per_family: int, seed: int = 0) -> list[Task]:
    """Tasks to choose settings by, others for every seed."""
    return _middling(per_family, seed, "dev")


def training_tasks(per_family: int, seed: int) -> list[Task]:
    """Tasks that may be learnt from, others for every seed."""
    return _middling(per_family, 1000 + seed, "train")


def _middling(per_family: int, seed: int, split: Split) -> list[Task]:
    return [
        task
        for family, difficulty in MIDDLING.items()
        for task in make_tasks(family, difficulty, per_family, seed=seed, split=split)
    ]


def digest(tasks: Iterable[Task]) -> str:
    """The SHA-256 of the problems, one a line."""
    return hashlib.sha256("\n".join(task.problem for task in tasks).encode()).hexdigest()


def disjoint(heldout: Iterable[Task], learnt: Iterable[Task], examples: int = 20_000) -> bool:
    """Whether no held-out task is among `learnt` or anywhere in that many examples of the training corpus."""
    known = list(heldout)
    keys = {f"{task.family}: {family_of(task).key(task)}" for task in known}
    clear = all(f"{task.family}: {family_of(task).key(task)}" not in keys for task in learnt)
    problems = {task.problem for task in known}
    seen = (example.prompt.removeprefix("Problem: ").partition("\n")[0] for example in corpus(1, {}, 0.0))
    unseen = problems.isdisjoint(islice(seen, examples))
    return (
        clear
        and unseen
        and {split_of(task) for task in known} == {"heldout"}
        and set(MIDDLING) == set(FAMILIES)
    )
