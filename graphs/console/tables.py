"""Columns of text for the console: aligned, streamed nowhere; cells are foreign text and stay on their line."""

import unicodedata
from collections.abc import Iterator, Sequence

from tutelage.graphs.console.styled import Line, Span

__all__ = ["table", "width_of"]

WIDEST = 60


def width_of(text: str) -> int:
    """Give the columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str | Span]]) -> Iterator[Line]:
    """Give rows aligned under their heads; nothing without rows. Numbers stand at the right."""
    if not rows:
        return
    cells = [[each if isinstance(each, Span) else Span(each) for each in row] for row in rows]
    shown = [[Span(_cut(each.text), each.style) for each in row] for row in cells]
    columns = range(len(head))
    widths = [
        max(width_of(row[at].text) for row in [[Span(each) for each in head], *shown]) for at in columns
    ]
    right = [all(_number(row[at].text) for row in shown) for at in columns]
    yield _row([Span(each, "dim") for each in head], widths, right)
    for row in shown:
        yield _row(row, widths, right)


def _row(cells: Sequence[Span], widths: Sequence[int], right: Sequence[bool]) -> Line:
    spans: list[Span] = []
    for at, cell in enumerate(cells):
        room = " " * (widths[at] - width_of(cell.text))
        if right[at]:
            spans += [Span(room), cell]
        else:
            spans += [cell, Span(room if at + 1 < len(cells) else "")]
        spans.append(Span("  " if at + 1 < len(cells) else ""))
    return tuple(each for each in spans if each.text)


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _number(text: str) -> bool:
    return not text or text.replace(".", "").replace(",", "").replace("-", "").replace("+", "").isdigit()
