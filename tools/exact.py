"""The verifier `exact`: two answers are equal if their normalised text is.

Normalised means: Unicode compatibility form, one case, single spaces, no quotation marks or dollar signs
around the answer and no full stop, comma or semicolon at its end. Not covered: any meaning (`0.5` is not
`1/2`).
"""

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from tutelage.tools.answers import final_answer
from tutelage.tools.verifier import outcome, reference_of
from tutelage.types import Score, Task

__all__ = ["Exact", "exact", "normalised"]

AROUND = "\"'`$“”‘’ "  # noqa: RUF001
AFTER = ".,;"


@dataclass(frozen=True, slots=True)
class Exact:
    """Compares the text of answers."""

    quick: ClassVar[bool] = True
    name: str = "exact"

    def answer(self, solution: str) -> str | None:
        """The normalised text of the final answer."""
        text = final_answer(solution)
        return normalised(text) or None if text is not None else None

    def score(self, task: Task, solution: str) -> Score:
        """Right if the final answer's normalised text is the reference's.

        Raises:
            UserError: the task has no reference.
        """
        reference = normalised(reference_of(task, self.name))
        answer = self.answer(solution)
        return outcome(self.name, answer, answer is not None and answer == reference)


def normalised(text: str) -> str:
    """The text in its normal form, which is its own normal form; it may be empty."""
    while True:
        once = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
        once = once.strip(AROUND).rstrip(AFTER)
        if once == text:
            return once
        text = once


exact = Exact()
