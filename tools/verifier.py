"""What a verifier is: it reads a solution's answer, and scores the solution against its task.

Every verifier shipped scores 1.0 for right and 0.0 for wrong. What a model wrote never raises; a task that
the verifier cannot judge (no reference, an unknown family) is the caller's error and does.
"""

from typing import Protocol, runtime_checkable

from tutelage.errors import UserError
from tutelage.types import Score, Task

__all__ = ["Verifier", "outcome", "reference_of"]

LONGEST_QUOTE = 80


@runtime_checkable
class Verifier(Protocol):
    """Judges solutions; see `tutelage.tools` for the ones that are shipped.

    A batch asks a verifier in a thread, unless it has an attribute `quick` that is true: then judging takes so
    little that a thread would cost more.
    """

    @property
    def name(self) -> str:
        """The name that its scores carry."""

    def answer(self, solution: str) -> str | None:
        """The canonical answer of a solution, the key to vote by; `None` where there is no answer."""

    def score(self, task: Task, solution: str) -> Score:
        """Judge a solution.

        Raises:
            UserError: the task lacks what this verifier compares with.
        """


def reference_of(task: Task, verifier: str) -> str:
    """The reference answer of a task.

    Raises:
        UserError: the task has none.
    """
    if task.reference is None or not task.reference.strip():
        raise UserError(
            f"task {task.id!r} has no reference answer, which the verifier {verifier!r} compares with; "
            "give the task a 'reference'"
        )
    return task.reference


def outcome(verifier: str, answer: str | None, right: bool) -> Score:
    """The score of an answer as a whole; its feedback never shows the reference."""
    if right:
        feedback = None
    elif answer is None:
        feedback = "no answer was found"
    else:
        quote = answer if len(answer) <= LONGEST_QUOTE else answer[: LONGEST_QUOTE - 3] + "..."
        feedback = f"the answer {quote!r} is wrong"
    return Score(name=verifier, value=float(right), passed=right, feedback=feedback)
