"""Visits as rows of a table."""

from typing import TYPE_CHECKING

from tutelage.graphs.console.styled import Span

if TYPE_CHECKING:
    from tutelage.graphs.debugging.view import Visit

__all__ = ["DIGITS", "HEAD", "visit_cells"]

HEAD = ("visit", "node", "branch", "status", "tokens read", "written", "seconds", "turn", "changed")
DIGITS = 10
"""Of the end of an id: enough to tell the turns of a session apart."""


def visit_cells(visit: "Visit") -> list[str | Span]:
    """Give a visit's cells; inner nodes are indented."""
    name = f"{'  ' * len(visit.within)}{visit.node}{' (edited)' if visit.edited else ''}"
    status = Span(
        visit.status, "bad" if visit.status == "failed" else "bold" if visit.status == "held" else "plain"
    )
    turns = (
        f"{visit.turns[-1][-DIGITS:]}{f' +{len(visit.turns) - 1}' * (len(visit.turns) > 1)}"
        if visit.turns
        else ""
    )
    return [
        str(visit.number),
        Span(name, "node"),
        visit.branch,
        status,
        str(visit.prompt_tokens or ""),
        str(visit.completion_tokens or ""),
        "" if visit.seconds is None else f"{max(0.0, visit.seconds):.2f}",
        turns,
        ", ".join(visit.changed),
    ]
