"""Executing a line while the keyboard stays free: Ctrl-C pauses the graph instead of ending the program.

The line runs in a thread of its own. The first Ctrl-C asks the session to stop at its next event, the second says
that a model call may take its time, the third leaves; what is on record is kept. Not covered: two lines at once.
"""

import threading
import time
from collections.abc import Callable

from tutelage.graphs.console import Commanded, Reply

__all__ = ["Drive", "driven"]

Drive = Callable[[Commanded, str, Callable[[str], None]], Reply]
"""Executes a line; the third argument says something to a person."""

TELL_AFTER = 2.0
"""Seconds after which a person is told that the graph runs."""
POLL = 0.1


def driven(console: Commanded, line: str, tell: Callable[[str], None]) -> Reply:
    """Execute a line; Ctrl-C pauses.

    Args:
        console: What executes it.
        line: The line.
        tell: Says something to the person, in one line.

    Raises:
        KeyboardInterrupt: At the third Ctrl-C.
    """
    work = Work(console, line)
    thread = threading.Thread(target=work, name="tutelage-console", daemon=True)
    thread.start()
    begun, told, presses = time.monotonic(), False, 0
    while True:
        try:
            while not work.done.wait(POLL):
                if not told and time.monotonic() - begun > TELL_AFTER:
                    told = True
                    tell("running; Ctrl-C pauses it")
            return work.result()
        except KeyboardInterrupt:
            presses += 1
            if presses == 3:
                raise
            console.pause()
            tell(
                "pausing at the next event"
                if presses == 1
                else "a model call takes its time; once more leaves, and what is on record is kept"
            )


class Work:
    """A line being executed in another thread."""

    def __init__(self, console: Commanded, line: str) -> None:
        """Know what to do."""
        self._console = console
        self._line = line
        self._reply: Reply | None = None
        self._error: BaseException | None = None
        self.done = threading.Event()

    def __call__(self) -> None:
        """Do it."""
        try:
            self._reply = self._console.execute(self._line)
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

    def result(self) -> Reply:
        """Give the reply, or raise what went wrong."""
        if self._error is not None:
            raise self._error
        assert self._reply is not None
        return self._reply
