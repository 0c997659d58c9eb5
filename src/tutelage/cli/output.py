"""`echo`: the one function by which the command writes to a terminal, a pipe or a file.

Whatever is not a colour of our own (`styled`) is shown and not obeyed, whoever wrote it: `tutelage.printable` once more,
behind all callers. Not covered: what prompt_toolkit draws while a line is typed; it is given printable text only.
"""

import json
import os
import re
import sys

import click

from tutelage.printable import HIDDEN, printable

__all__ = ["colours", "echo", "escaped_json", "styled"]

OURS = re.compile(r"(\x1b\[(?:0|1|2|3[1-7]|9[0-7])m)")
"""The sequences of `styled`: bold, dim, colours, and their end."""


def echo(text: str = "", *, err: bool = False, nl: bool = True, over: bool = False) -> None:
    """Write a line.

    Args:
        text: May hold line feeds, and colours made by `styled`, which a pipe does not get.
        err: To standard error instead of standard output.
        nl: End the line.
        over: Write over the line that the cursor is on.
    """
    pieces = OURS.split(text)
    safe = "".join(piece if at % 2 else printable(piece) for at, piece in enumerate(pieces))
    shown = safe if colours(err=err) else click.unstyle(safe)
    click.echo(f"\r{shown}" if over else shown, err=err, nl=nl, color=True)


def escaped_json(text: str) -> str:
    """Give a JSON text with what a terminal could obey escaped as JSON does it; it stays the same data."""
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


def colours(*, err: bool = False) -> bool:
    """Whether to colour: a terminal that can, and a person who has not said no (`NO_COLOR`)."""
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, colour: str | None = None, *, bold: bool | None = None, dim: bool | None = None) -> str:
    """Give a text in a colour, bold or dim; line by line, so that a cut text leaves no colour on."""
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None)
