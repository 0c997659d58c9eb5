"""A console and whoever is there to talk to it: a person at a terminal, a file of lines, or a pipe."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.cli.terminal.driving import Drive, driven
from tutelage.cli.terminal.editing import edit_text
from tutelage.cli.terminal.lines import execute_lines
from tutelage.errors import UserError
from tutelage.graphs.console import Commanded, Console, ConsoleSettings

if TYPE_CHECKING:
    from tutelage.graphs.debugging.session import Session

__all__ = ["at_terminal", "interact", "talk"]

SWITCH = "TUTELAGE_DEBUG"


def interact(session: "Session") -> None:
    """Let a person drive a session from here until they leave; the program goes on afterwards.

    With TUTELAGE_DEBUG=0 in the environment nothing happens, as with PYTHONBREAKPOINT=0.
    """
    if os.environ.get(SWITCH) != "0":
        edit = edit_text if at_terminal() else None
        talk(Console(session, ConsoleSettings(edit=edit)))


def talk(
    console: Commanded,
    batch: Path | None = None,
    *,
    json_: bool = False,
    drive: Drive = driven,
    startup: bool = True,
) -> int:
    """Execute lines of a file, of a pipe or of a person; give the exit code.

    Args:
        console: What executes them.
        batch: The file; `-` for standard input.
        json_: Print each reply as one JSON object.
        drive: How a line is executed.
        startup: Read the start-up files, where a person types.

    Raises:
        UserError: The file cannot be read.
    """
    if batch is not None and str(batch) != "-":
        return execute_lines(console, _lines(batch), json_=json_, strict=True, drive=drive)
    if json_ or batch is not None or not at_terminal():
        return execute_lines(console, _piped(), json_=json_, strict=batch is not None, drive=drive)
    from tutelage.cli.terminal.keyboard import converse

    converse(console, drive, startup=startup)
    return 0


def at_terminal() -> bool:
    """Whether a person reads and types here."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{str(path)!r} is no text; --batch takes a file of commands") from error


def _piped() -> Iterator[str]:
    yield from sys.stdin
