"""Rewards by a verifier that is asked about each sample, with the task in the row's column `task`.

A verifier needs the problem, the reference, the family, so the row holds the whole task. Not covered: rewards of turns
in a graph (`tutelage.training.reinforcement`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.types import Task

__all__ = ["VerifierReward", "packed_tasks"]


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
