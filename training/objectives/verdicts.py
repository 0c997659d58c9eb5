"""Rewards by a verifier: found by its name, asked about each sample, with the task in the row's column `task`.

A verifier needs the problem, the reference, the family, so the row holds the whole task. Not covered: rewards of turns
in a graph (`tutelage.training.reinforcement`).
"""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from tutelage import tools
from tutelage.errors import UserError
from tutelage.nearest import known_names
from tutelage.tools import Verifier
from tutelage.types import Task

__all__ = ["VerifierReward", "packed_tasks", "verifier_named"]


def packed_tasks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give each row's task, plain data or JSON text, as JSON text: a table of columns can hold any metadata so.

    Raises:
        UserError: a row's `task` is none.
    """
    packed = []
    for number, row in enumerate(rows, 1):
        try:
            given = row["task"]
            task = Task.model_validate_json(given) if isinstance(given, str) else Task.model_validate(given)
        except ValueError:
            raise UserError(
                f"row {number}: its column 'task' is no task (at least id and problem); "
                "an export in the format sdpo has it"
            ) from None
        packed.append(task.model_dump_json())
    return packed


def verifier_named(name: str | None, tasks: Sequence[str]) -> Verifier:
    """Find a verifier.

    Args:
        name: one of `tutelage.tools`, or MODULE:ATTRIBUTE; `None`: the families' own check where all tasks are of a
            family, else `math_answer`.
        tasks: what it will judge, packed.

    Raises:
        UserError: there is none of this name, or what is there is no verifier.
    """
    if name is None:
        families = {json.loads(task)["family"] for task in tasks}
        return tools.family_answer if families <= tools.FAMILIES.keys() else tools.math_answer
    known = [each for each in tools.__all__ if _is_verifier(getattr(tools, each))]
    if name in known:
        found: Verifier = getattr(tools, name)
        return found
    module, _, attribute = name.partition(":")
    if not attribute:
        raise UserError(
            f"there is no verifier {name!r}, {known_names(name, known)}; or give MODULE:ATTRIBUTE"
        )
    try:
        given = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise UserError(f"the verifier {name!r} cannot be loaded: {problem}") from None
    if not _is_verifier(given):
        raise UserError(f"{name!r} is no verifier; it needs a name, answer() and score()")
    return given  # type: ignore[no-any-return]


def _is_verifier(value: object) -> bool:
    return isinstance(value, Verifier) and not isinstance(value, type)


class VerifierReward:
    """A reward function as TRL calls them: 1 for a right solution, 0 for a wrong one, else the verifier's value."""

    def __init__(self, verifier: Verifier) -> None:
        """Take who judges."""
        self.__name__ = verifier.name
        self._verifier = verifier

    def __call__(self, completions: Sequence[Any], task: Sequence[str], **columns: Any) -> list[float]:
        """Judge samples; `task` has their tasks, packed."""
        texts = [completion[0]["content"] for completion in completions]
        return [
            self._reward(Task.model_validate_json(own), text) for own, text in zip(task, texts, strict=True)
        ]

    def _reward(self, task: Task, text: str) -> float:
        score = self._verifier.score(task, text)
        return score.value if score.passed is None else float(score.passed)
