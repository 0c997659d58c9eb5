"""A run's report for a terminal: names and errors, which come from outside, harmless and on their lines."""

from typing import TYPE_CHECKING, Any

from tutelage.cli.tables import cut, one_line

if TYPE_CHECKING:
    from tutelage.traces import Run

__all__ = ["report_of"]

LONGEST = 300
"""Columns of a name or an error."""


def report_of(run: "Run") -> str:
    """Give the report of a run."""
    from tutelage.traces.report import report

    return report(_harmless(run.summary()))


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return cut(one_line(value), LONGEST)
    if isinstance(value, dict):
        return {_harmless(key): _harmless(each) for key, each in value.items()}
    return value
