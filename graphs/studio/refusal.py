"""What is said when something cannot be done: one sentence, and the status that goes with it.

Not covered: who may ask at all (`security`).
"""

from tutelage.errors import TutelageError, UserError
from tutelage.graphs.studio.library import NotHere
from tutelage.printable import printable

__all__ = ["Busy", "Inside", "inside", "status_of"]

LONGEST = 300
"""Characters of an error that was not foreseen."""


class Busy(UserError):
    """Something else is at work on the session."""


class Inside(TutelageError):
    """Something failed that was not foreseen; a user's graph may have."""


def inside(what: str, error: Exception) -> Inside:
    """Tell of an error that nobody foresaw, on one line.

    Args:
        what: What was to be done.
        error: What came instead.
    """
    first = printable(str(error).strip().partition("\n")[0])[:LONGEST]
    return Inside(f"{what} failed inside: {type(error).__name__}" + (f": {first}" if first else ""))


def status_of(error: TutelageError) -> int:
    """Give the status of HTTP."""
    if isinstance(error, NotHere):
        return 404
    if isinstance(error, Busy):
        return 409
    return 400 if isinstance(error, UserError) else 500
