"""Tables for people: aligned, cut where they may be, stacked where a terminal is too narrow, streamed.

Cells are foreign text: they pass `tutelage.printable` and stay on their line. Column widths follow from the
first rows, so that a long table begins at once. Not covered: tables for programs (`--json`).
"""

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import click

from tutelage.cli.output import echo
from tutelage.printable import printable

__all__ = [
    "Column",
    "bold",
    "coloured",
    "cut",
    "echo_table",
    "number",
    "one_line",
    "table",
    "terminal_width",
    "width_of",
]

SAMPLE = 100
"""Rows that the widths are taken from."""
NARROWEST = 10
"""A column that may be cut is not cut further."""
GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    right: bool = False
    """Its cells stand at the right, as numbers do."""
    cuttable: bool = False
    """Its cells may be cut to fit."""
    widest: int | None = None
    """Its cells are cut to this, whatever the terminal; in their middle, since both ends tell something."""


def terminal_width() -> int | None:
    """The width of the terminal; `None` where the output goes elsewhere and need not fit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def coloured(text: str, colour: str) -> str:
    """Colour a text, unless `NO_COLOR` is set; click drops colours where the output is no terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)


def bold(text: str) -> str:
    """Make a text bold; as `coloured`."""
    return text if os.environ.get("NO_COLOR") else click.style(text, bold=True)


def one_line(text: str) -> str:
    """Foreign text on one line: its line feeds as a sign."""
    return printable(text).replace("\n", "↵")


def width_of(text: str) -> int:
    """The columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def cut(text: str, width: int, *, middle: bool = False) -> str:
    """Cut a text to a width, at its end or in its middle; an ellipsis says so."""
    if width_of(text) <= width:
        return text
    after = (width - 1) // 3 if middle else 0
    return f"{_taken(text, width - 1 - after)}…{_taken(text[::-1], after)[::-1]}"


def _taken(text: str, width: int) -> str:
    """As much of the beginning of a text as fits."""
    text = text[:width]
    while width_of(text) > width:
        text = text[:-1]
    return text


def echo_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> int:
    """Print a table row by row; give how many rows there were."""
    count = 0

    def counted() -> Iterator[Sequence[str]]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    for line in table(columns, counted(), terminal_width()):
        echo(line)
    return count


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None) -> Iterator[str]:
    """Give the lines of a table, none for one without rows.

    Args:
        columns: Its columns.
        rows: The cells, one a column.
        width: What a line may take; `None` for any.
    """
    lines = ([one_line(cell) for cell in row] for row in rows)
    first = list(islice(lines, SAMPLE))
    if not first:
        return
    widths = _widths(columns, first, width)
    everything = chain(first, lines)
    if widths is None:
        yield from _stacked(columns, everything)
        return
    yield bold(_line(columns, [column.name for column in columns], widths))
    for row in everything:
        yield _line(columns, row, widths)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    """The width of each column; `None` where they do not fit beside each other."""
    widths = [
        max(width_of(column.name), min(max(width_of(row[at]) for row in rows), column.widest or sys.maxsize))
        for at, column in enumerate(columns)
    ]
    if width is None:
        return widths
    excess = sum(widths) + GAP * (len(columns) - 1) - width
    while excess > 0:
        wide = [at for at, column in enumerate(columns) if column.cuttable and widths[at] > NARROWEST]
        if not wide:
            return None
        widest = max(wide, key=lambda at: widths[at])
        second = max((widths[at] for at in wide if widths[at] < widths[widest]), default=NARROWEST)
        less = min(excess, max(1, widths[widest] - max(second, NARROWEST)))
        widths[widest] -= less
        excess -= less
    return widths


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    parts: list[str] = []
    for column, cell, width in zip(columns, cells, widths, strict=True):
        shown = cut(cell, width, middle=column.widest is not None) if column.cuttable else cell
        space = " " * (width - width_of(shown))
        parts.append(space + shown if column.right else shown + space)
    return (" " * GAP).join(parts).rstrip()


def _stacked(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Each row as lines of name and cell, for a terminal too narrow for columns."""
    width = max(width_of(column.name) for column in columns)
    for number, row in enumerate(rows):
        if number:
            yield ""
        for column, cell in zip(columns, row, strict=True):
            if cell:
                shown = cell if column.widest is None else cut(cell, column.widest, middle=True)
                yield f"{bold(column.name.ljust(width))}  {shown}"


def number(value: Any) -> str:
    """A number as people read it; nothing for `None`."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
