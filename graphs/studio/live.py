"""A session under the page's hands: one thing at a time, each in a thread, and what came of it for whoever asks.

An action that takes long is answered as still running; the page asks again. Only `pause` comes in between. Not
covered: what actions do (`actions`), what a page shows (`session_view`).
"""

import threading
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tutelage.errors import TutelageError, UserError
from tutelage.graphs.studio.actions import Outcome, act
from tutelage.graphs.studio.refusal import Busy, Inside, inside
from tutelage.graphs.studio.session_view import session_view

if TYPE_CHECKING:
    from tutelage.graphs.debugging import Session

__all__ = ["Live"]

HISTORY = 500
"""Lines that are remembered."""


class Live:
    """One session; every method may be called from any thread."""

    def __init__(self, session: "Session", run: str, *, files: bool, own: bool) -> None:
        """Take a session.

        Args:
            session: The session; whoever opened it drives it no more while the studio does.
            run: What its run is called here.
            files: Whether commands may read and write files.
            own: Whether it is ours to close.
        """
        from tutelage.graphs.console import Console, ConsoleSettings

        self.console = Console(session, ConsoleSettings(files=files))
        self.run = run
        self.own = own
        self._lock = threading.Lock()
        self._history: deque[str] = deque(maxlen=HISTORY)
        self._work: threading.Thread | None = None
        self._last: dict[str, Any] | None = None
        self._unforeseen = False
        self._number = 0

    @property
    def busy(self) -> bool:
        """Whether something is at work."""
        return self._work is not None and self._work.is_alive()

    def view(self) -> dict[str, Any]:
        """Give what the page shows."""
        last = self._last
        view = session_view(self.console, self.run, self._history, busy=self.busy, error=None)
        return {**view, "last": last}

    def do(self, name: str, body: Mapping[str, Any], wait: float) -> dict[str, Any]:
        """Do one thing, and wait so many seconds for its end.

        Returns:
            `done`, and where it is: `result` and `text`, or `error`; the `session` as it is then.

        Raises:
            UserError: It was refused; `Busy` where something else is at work.
            Inside: It failed in a way that nobody foresaw.
        """
        if name == "pause":
            self.console.pause()
            return {"done": True, "result": None, "text": "", "lines": [], "session": self.view()}
        with self._lock:
            if self.busy:
                at = "" if self._last is None else f" ({self._last['action']})"
                raise Busy(f"the session is at work{at}; pause it first, or wait")
            work = self._begin(name, body)
        work.join(wait)
        last = self._last
        if last is None or work.is_alive() or not last["done"]:
            return {"done": False, "result": None, "text": "", "lines": [], "session": self.view()}
        if last["error"] is not None:
            raise (Inside if self._unforeseen else UserError)(last["error"])
        return {**last, "session": self.view()}

    def close(self) -> None:
        """Leave the session, and close it where it is ours."""
        work = self._work
        if work is not None and work.is_alive():
            self.console.pause()
            work.join(10)
        if self.own:
            self.console.session.close()

    def _begin(self, name: str, body: Mapping[str, Any]) -> threading.Thread:
        self._number += 1
        self._unforeseen = False
        self._last = self._told(name, Outcome(), done=False)
        if name == "command":
            self._history.append(str(body.get("line", "")))
        self._work = threading.Thread(
            target=self._act, args=(name, dict(body)), name=f"tutelage-studio-{name}", daemon=True
        )
        self._work.start()
        return self._work

    def _act(self, name: str, body: Mapping[str, Any]) -> None:
        try:
            last = self._told(name, act(self.console, name, body))
        except TutelageError as error:
            last = self._told(name, Outcome(), error=str(error))
        except Exception as error:
            self._unforeseen = True
            last = self._told(name, Outcome(), error=str(inside(name, error)))
        self._last = last

    def _told(
        self, name: str, outcome: Outcome, *, done: bool = True, error: str | None = None
    ) -> dict[str, Any]:
        return {
            "number": self._number,
            "action": name,
            "done": done,
            "result": outcome.result,
            "text": outcome.text,
            "lines": outcome.lines,
            "error": error,
        }
