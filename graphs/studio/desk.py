"""What the studio holds while it is open: runs, at most one session, tokenizers, and how sessions are started.

Not covered: HTTP (`routes`).
"""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tutelage.errors import UserError
from tutelage.graphs.debugging.spelling import Tokenizers
from tutelage.graphs.debugging.teaching import Lessons, accept, correct, forget, label_step, rank, reject
from tutelage.graphs.studio.bodies import Flag, Text, Texts, Whole, check
from tutelage.graphs.studio.library import Library, Opened
from tutelage.graphs.studio.live import Live
from tutelage.graphs.studio.refusal import Busy
from tutelage.traces import Run
from tutelage.traces.watching import being_written

if TYPE_CHECKING:
    from pathlib import Path

    from tutelage.graphs.debugging import Session

__all__ = ["Desk", "StartSession"]


class StartSession(Protocol):
    """Opens a session on a rollout of a recorded run."""

    def __call__(self, run: "Path", rollout: str) -> "Session":
        """Open it; it is held before the first node."""


class Desk:
    """The studio without its server; every method may be called from any thread."""

    def __init__(
        self,
        library: Library,
        *,
        session: "Session | None" = None,
        start: StartSession | None = None,
        files: bool = False,
    ) -> None:
        """Hold runs, and a session that is open already.

        Args:
            library: The runs.
            session: Somebody else's session; it is not closed at the end.
            start: Starts others; `None` where there is no graph.
            files: Whether console commands may read and write files.
        """
        self.library = library
        self.tokenizers = Tokenizers()
        self.start = start
        self.closing = False
        self._files = files
        self._lock = threading.Lock()
        self.live: Live | None = None
        if session is not None:
            self.live = Live(session, library.add(session.run_record), files=files, own=False)

    def begin(self, run: str, rollout: str) -> Live:
        """Start a session on a stored rollout; one that the studio had started before is closed, and kept.

        Raises:
            UserError: There is no graph, no such rollout, or the session before is at work.
        """
        if self.start is None:
            raise UserError("sessions need a graph; start the studio with --graph and --model")
        opened = self.library.get(run)
        if opened.run.path is None:
            raise UserError("this run is in memory only; a session needs one on disk")
        opened.run.rollout(rollout)
        with self._lock:
            if self.live is not None and self.live.busy:
                raise Busy("the session before is at work; pause it first")
            session = self.start(opened.run.path, rollout)
            self._leave()
            self.live = Live(session, self.library.add(session.run_record), files=self._files, own=True)
            return self.live

    def label(self, opened: Opened, turn_id: str, body: Mapping[str, Any]) -> Any:
        """Say of a turn whether it is right, or what it should have said.

        Raises:
            UserError: There is no such label, or it is not what it needs.
            StoreError: The run is written elsewhere.
        """
        given = dict(body)
        name = given.pop("label", None)
        told = LABELS.get(name) if isinstance(name, str) else None
        if told is None:
            raise UserError(f"there is no label {str(name)[:60]!r}; there are {', '.join(LABELS)}")
        check(f"label {name!r}", told, given, ("run", "turn_id"))
        live = self.live
        if live is not None and live.run == opened.id:
            return told(live.console.session.run_record, turn_id, **given)
        if opened.run.path is None:
            return told(opened.run, turn_id, **given)
        if being_written(opened.run.path):
            raise UserError(f"run {opened.run.name!r} is being written; label it when that has ended")
        with Lessons(opened.run.path) as lessons:
            return told(lessons.run, turn_id, **given)

    def branches(self, opened: Opened) -> Mapping[str, Mapping[str, Any]]:
        """Give the branches of a session by the ids of their rollouts; none for a run that is no session."""
        live = self.live
        if live is None or live.run != opened.id:
            return {}
        return {each.rollout_id: each.model_dump(mode="json") for each in live.console.session.branches()}

    def close(self) -> None:
        """Leave the session, and close the runs."""
        self.closing = True
        with self._lock:
            self._leave()
        self.library.close()

    def _leave(self) -> None:
        if self.live is not None:
            self.live.close()
            if self.live.own:
                self.library.remove(self.live.console.session.run_record)
            self.live = None


def _accept(run: Run, turn_id: str) -> Any:
    return accept(run, turn_id)


def _reject(run: Run, turn_id: str) -> Any:
    return reject(run, turn_id)


def _forget(run: Run, turn_id: str) -> Any:
    return forget(run, turn_id)


def _rank(run: Run, turn_id: str, turn_ids: Texts) -> Any:
    return rank(run, turn_ids)


def _step(run: Run, turn_id: str, step: Whole, right: Flag | None) -> Any:
    return label_step(run, turn_id, step, right)


def _correct(run: Run, turn_id: str, text: Text) -> Any:
    return {"turn_id": correct(run, turn_id, text).id}


LABELS: Mapping[str, Callable[..., Any]] = {
    "accept": _accept,
    "correct": _correct,
    "forget": _forget,
    "rank": _rank,
    "reject": _reject,
    "step": _step,
}
"""What each needs besides the turn is posted."""
