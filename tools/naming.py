"""Verifiers by their names, as commands and settings give them.

A name is one of those that are ready (`READY`), `reward:DIR` or `prm:DIR` of a trained model, or MODULE:ATTRIBUTE.
Not covered: verifiers made with settings of their own, which only Python can make.
"""

from collections.abc import Iterable
from typing import Any

from tutelage.errors import UserError
from tutelage.nearest import near
from tutelage.objects import load_object
from tutelage.tools.exact import exact
from tutelage.tools.families import FAMILIES
from tutelage.tools.family_verifiers import family_answer, step_checker
from tutelage.tools.latex import math_answer
from tutelage.tools.numeric import numeric
from tutelage.tools.reward_models import reward_model_of
from tutelage.tools.verifier import Verifier
from tutelage.types import Task

__all__ = ["READY", "verifier_named"]

READY = {each.name: each for each in (exact, numeric, math_answer, step_checker, family_answer)}
"""The verifiers that need no settings."""


def verifier_named(name: str | None, tasks: Iterable[Task]) -> Verifier:
    """Find a verifier.

    Args:
        name: see the module; `None`: the families' own check where all tasks are of a family, else `math_answer`.
        tasks: what it will judge.

    Raises:
        UserError: there is none of this name, or what is there is no verifier.
    """
    if name is None:
        return family_answer if all(task.family in FAMILIES for task in tasks) else math_answer
    found: Any = READY.get(name) or reward_model_of(name)
    if found is None and ":" in name:
        found = load_object(name)
    elif found is None:
        raise UserError(
            f"unknown verifier {name!r}{near(name, READY)}; known are {', '.join(READY)}, "
            "reward:DIR and prm:DIR, or give MODULE:ATTRIBUTE"
        )
    if not isinstance(found, Verifier) or isinstance(found, type):
        raise UserError(f"{name!r} is no verifier; it needs a name, answer() and score()")
    return found
