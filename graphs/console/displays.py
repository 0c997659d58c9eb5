"""Displays: expressions shown after every stop, with the earlier value where it changed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutelage.errors import TutelageError
from tutelage.graphs.console.expressions import evaluated
from tutelage.graphs.console.styled import Line, Span, brief, line

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["Display"]


@dataclass(slots=True)
class Display:
    """An expression shown after every stop."""

    text: str
    last: str | None = None
    """What it was when it was shown last."""

    def shown(self, console: "Console", number: int) -> Line:
        """Give its line; what cannot be evaluated here says why."""
        try:
            now = brief(evaluated(console, self.text), console.settings.width)
        except TutelageError as error:
            now = f"({error})"
        before, self.last = self.last, now
        was = f"   [was {before}]" if before not in (None, now) else ""
        return line(
            Span(f"display {number}: ", "dim"), f"{self.text} = ", Span(now, "bold"), Span(was, "dim")
        )
