"""Branches and spreads of samples as lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tutelage.graphs.console.styled import Line, Span, Style, cut, line

if TYPE_CHECKING:
    from tutelage.graphs.debugging.resampling import Gain, Spread
    from tutelage.graphs.debugging.view import Branch

__all__ = ["branch_cells", "gain_line", "spread_lines"]

BAR = 24
MOST = 12
"""Answers that a spread shows."""


def branch_cells(branch: "Branch", here: bool) -> list[str | Span]:
    """Give a branch's cells for a table."""
    origin = (
        "" if branch.parent is None else f"{branch.parent}{'' if branch.at is None else f' at {branch.at}'}"
    )
    name = f"{branch.name}{' (dropped)' if branch.dropped else ''}"
    return [
        Span("→" if here else "", "heading"),
        Span(name, "bold" if here else "plain"),
        branch.kind,
        origin,
        branch.status,
        "" if branch.answer is None else branch.answer,
        passing(branch.passed, branch.value),
        str(branch.edits or ""),
    ]


def passing(passed: bool | None, value: float | None) -> Span:
    """Say right or wrong, else the value."""
    if passed is None:
        return Span("" if value is None else f"{value:.4g}")
    return Span("right", "good") if passed else Span("wrong", "bad")


def spread_lines(spread: "Spread") -> Iterator[Line]:
    """Show how often each answer came, how many passed and the interval."""
    if spread.wanted is not None:
        ended = f"{spread.n} of {spread.wanted} samples ended and count"
        yield line(Span(f"  stopped early: {ended}; the others are dropped", "warning"))
    most = max((count for _, count in spread.answers), default=1)
    for answer, count in spread.answers[:MOST]:
        bar = "█" * max(1, round(BAR * count / most))
        shown = "no answer" if answer is None else cut(answer, 30)
        yield line(f"  {count:>4}  ", Span(f"{shown:<14}", "bold"), Span(f" {bar}", "dim"))
    if len(spread.answers) > MOST:
        yield line(Span(f"  … {len(spread.answers) - MOST} more answers", "dim"))
    if spread.passed is not None:
        share = f" = {100 * spread.passed / spread.n:.1f} %" if spread.n else ""
        yield line(
            Span(f"  {spread.passed} of {spread.n} right", "bold"), f"{share}{_percent(spread.interval)}"
        )
    if spread.mean is not None:
        yield line(f"  mean score {spread.mean:.3f}{_between(spread.mean_interval)}")
    if spread.failed:
        yield line(Span(f"  {spread.failed} failed", "bad"))


def gain_line(gain: "Gain") -> Line:
    """Compare two spreads on one line, in points."""
    style: Style = "good" if gain.difference > 0 else "bad" if gain.difference < 0 else "plain"
    low, high = (f"{100 * each:+.1f}" for each in gain.interval)
    return line(
        "  against the resampling before: ",
        Span(f"{100 * gain.difference:+.1f} points", style),
        f" (95 %: {low} to {high}), p = {gain.p:.2g}",
    )


def _percent(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f" (95 %: {100 * pair[0]:.1f} to {100 * pair[1]:.1f})"


def _between(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f" (95 %: {pair[0]:.3f} to {pair[1]:.3f})"
