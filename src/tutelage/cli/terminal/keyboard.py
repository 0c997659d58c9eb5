"""The console at a terminal: prompt_toolkit reads lines, with completion, history, and a line of status below.

Enter executes, Alt-Enter begins a new line of the same text, Tab completes, Ctrl-R searches the history, Ctrl-X Ctrl-E
opens the line in an editor, Ctrl-C at the prompt drops the line, Ctrl-D leaves. On a dumb terminal it is a plain prompt.
Not covered: drawing anything but lines; a graph to look at is the studio's.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tutelage.cli.output import colours, echo, styled
from tutelage.cli.terminal.driving import Drive, driven
from tutelage.cli.terminal.painting import show
from tutelage.cli.terminal.places import history_file, startup_files
from tutelage.graphs.console import Commanded, Reply
from tutelage.printable import printable

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings

__all__ = ["converse"]


def converse(console: Commanded, drive: Drive = driven, *, startup: bool = True) -> None:
    """Read lines and execute them until the person leaves.

    Args:
        console: What executes them.
        drive: How a line is executed.
        startup: Read the start-up files first.

    Raises:
        KeyboardInterrupt: The person left while the graph ran.
    """
    show(console.stand())
    for reply in _started(console) if startup else ():
        if reply.ended:
            return
    session = _session(console)
    while True:
        try:
            status = printable(console.status)
            line = session.prompt(bottom_toolbar=[("", status)])
        except KeyboardInterrupt:
            echo()
            continue
        except EOFError:
            line = "quit"
        reply = drive(console, line, _tell)
        show(reply)
        if reply.ended:
            return


def _started(console: Commanded) -> Iterable[Reply]:
    """Execute the start-up files."""
    for path, why in startup_files(Path.home(), Path.cwd()):
        if why is not None:
            echo(f"tutelage: {str(path)!r} is not read, since {why}", err=True)
            continue
        reply = driven(console, f"source {path}", _tell)
        show(reply)
        yield reply


def _tell(text: str) -> None:
    echo(styled(f"({text})", dim=True))


class Reader(Protocol):
    """Reads a line; prompt_toolkit's session is one."""

    def prompt(self, *, bottom_toolbar: Any) -> str:
        """Read a line.

        Raises:
            KeyboardInterrupt: It is to be dropped.
            EOFError: There are no more.
        """


class PlainReader:
    """Reads lines where the terminal can do nothing but print."""

    def __init__(self, console: Commanded) -> None:
        """Ask with a console's prompt."""
        self._console = console

    def prompt(self, *, bottom_toolbar: Any) -> str:
        """Read a line; there is no place for a toolbar."""
        echo(self._console.prompt, nl=False)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\r\n")


def _session(console: Commanded) -> Reader:
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return PlainReader(console)
    return _prompt_session(console)


def _prompt_session(console: Commanded) -> "PromptSession[str]":
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.styles import Style

    path = history_file()
    return PromptSession(
        lambda: [("class:prompt", printable(console.prompt))],
        history=InMemoryHistory() if path is None else FileHistory(str(path)),
        completer=_completer(console),
        complete_while_typing=False,
        key_bindings=_keys(),
        enable_open_in_editor=True,
        prompt_continuation=". ",
        color_depth=None if colours() else ColorDepth.DEPTH_1_BIT,
        style=Style.from_dict({"prompt": "ansicyan bold", "bottom-toolbar": "noreverse ansibrightblack"}),
    )


def _completer(console: Commanded) -> Any:
    from prompt_toolkit.completion import Completer, Completion

    class Words(Completer):
        """Completes the last word before the cursor."""

        def get_completions(self, document: "Document", event: "CompleteEvent") -> "Iterable[Completion]":
            """Give what it may become."""
            before = document.text_before_cursor
            last = len(before.rpartition(" ")[2])
            return [Completion(each, start_position=-last) for each in console.complete(before)]

    return Words()


def _keys() -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        """Begin a new line of the same text."""
        event.current_buffer.insert_text("\n")

    return keys
