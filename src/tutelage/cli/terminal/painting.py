"""Replies of a console in colours, for `tutelage.cli.output.echo` and for prompt_toolkit."""

from collections.abc import Iterable, Mapping

from tutelage.cli.output import echo, styled
from tutelage.graphs.console import Line, Reply, Style

__all__ = ["show", "show_lines"]

COLOURS: Mapping[Style, tuple[str | None, bool, bool]] = {
    "plain": (None, False, False),
    "bold": (None, True, False),
    "dim": (None, False, True),
    "heading": ("cyan", True, False),
    "node": ("blue", True, False),
    "good": ("green", False, False),
    "bad": ("red", False, False),
    "warning": ("yellow", False, False),
}
"""Colour, bold, dim."""


def show(reply: Reply) -> None:
    """Print a reply's lines."""
    show_lines(reply.lines)


def show_lines(lines: Iterable[Line]) -> None:
    """Print lines in colours."""
    for each in lines:
        echo("".join(_painted(span.text, span.style) for span in each))


def _painted(text: str, style: Style) -> str:
    colour, bold, dim = COLOURS[style]
    return text if style == "plain" or not text else styled(text, colour, bold=bold, dim=dim)
