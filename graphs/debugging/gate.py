"""Where a branch is held: why, what waits there, in which order it is looked at, and how it is let go.

Every event of a branch passes its gate. After a restart the holds of before come back at their places, and are
looked at in their old order; where the graph went another way meanwhile, it is held at its first new event. Not
covered: what happens before and after a hold (`execution`).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tutelage.agents.rendering import rendered
from tutelage.errors import TutelageError
from tutelage.graphs.debugging.breakpoints import Breakpoints, Occasion
from tutelage.graphs.debugging.hold import Hold
from tutelage.graphs.debugging.place import Entry
from tutelage.graphs.debugging.stepping import Mode
from tutelage.graphs.debugging.track import Tracked
from tutelage.graphs.debugging.view import SessionStatus, When

__all__ = ["Gate"]

OPENED = "opened again"
ALWAYS: Mapping[When, str] = {
    "error": "error",
    "asks": "it asks",
    "diverged": "it leaves the record",
}
"""What is held however the branch goes on."""

PATIENCE = 2.0
"""Seconds for which the first hold that is back waits for its neighbours: a mended graph may not have them any more."""

Log = Callable[[str, str, Mapping[str, Any]], object]


class Gate:
    """The gate of one branch; lives in the event loop in which the graph runs."""

    def __init__(
        self,
        breakpoints: Breakpoints,
        log: Log,
        holds: Mapping[str, Mapping[str, Any]],
        mode: Mode | None,
        *,
        begun: bool,
    ) -> None:
        """Prepare.

        Args:
            breakpoints: Where to hold.
            log: Writes an event of the branch down.
            holds: Where it was held when it was left, by the keys of the visits, in the order of looking.
            mode: How far to go at first; `None`: to where it was held, else to the first event.
            begun: Whether there is something on record.
        """
        self.held: list[Hold] = []
        """What waits; the first is what is looked at."""
        self.status: SessionStatus = "running"
        self.last: Entry | None = None
        """The node of the newest event, through which the state can be read."""
        self._breakpoints = breakpoints
        self._log = log
        self._mode = mode or Mode("step")
        self._restore = {} if mode is not None else dict(holds)
        self._order = list(self._restore)
        self._pausing = OPENED if mode is None and begun and not holds else None
        self._idle: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def settled(self) -> None:
        """Wait until something is held or the branch has ended."""
        while self.status == "running":
            self._changed.clear()
            await self._changed.wait()

    def ended(self, status: SessionStatus) -> None:
        """Say that the branch has ended."""
        self.status = status
        self._changed.set()

    def pause(self) -> None:
        """Hold the next event."""
        self._pausing = "pause"

    def go(self, mode: Mode) -> None:
        """Let the hold that is looked at go on; where others wait, the next one is looked at.

        Where it is no single step, neighbours in the same super-step go on with it that nothing but a step has held.
        """
        released = self.held[:1]
        if mode.kind != "step":
            released += [each for each in self.held[1:] if each.passing and _goes_along(each, mode)]
        for hold in released:
            self._log("go", hold.visit.key, {})
        self.held = [each for each in self.held if each not in released]
        self._mode = mode
        for hold in released:
            if not hold.released.done():
                hold.released.set_result(None)
        if self.held:
            self._look()
        else:
            self.status = "running"

    def restores(self, visit: Tracked, when: When) -> bool:
        """Whether a visit was held here when the branch was left."""
        hold = self._restore.get(visit.key)
        return hold is not None and hold["when"] == when

    def idle(self, key: str) -> float:
        """Seconds for which a visit, or one inside it, was held."""
        return self._idle.get(key, 0.0)

    def forget_idle(self, key: str) -> None:
        """Count the seconds of a visit from now on."""
        self._idle.pop(key, None)

    async def pass_by(
        self, entry: Entry, visit: Tracked, when: When, occasion: Callable[[], Occasion], **about: Any
    ) -> Hold | None:
        """Hold here if there is a reason; give the hold once it is let go.

        Args:
            entry: The node.
            visit: Its visit.
            when: Where in it.
            occasion: What breakpoints look at.
            about: Further fields of the hold.
        """
        found = self._reason(entry, visit, when, occasion)
        if found is None:
            return None
        released = asyncio.get_running_loop().create_future()
        hold = Hold(entry, visit, when, found[0], released, found[1], **about)
        await _render(hold)
        if visit.ended is None and when != "error":
            visit.status = "held"
        self.held.append(hold)
        self._log("hold", visit.key, {"when": when, "why": hold.why, "breakpoint": hold.breakpoint})
        if self._restore:
            asyncio.get_running_loop().call_later(PATIENCE, self._restored)
        else:
            self._restored()
        since = time.perf_counter()
        await released
        self._add_idle(entry, time.perf_counter() - since)
        if visit.status == "held":
            visit.status = "running"
        return hold

    def _restored(self) -> None:
        """Look at what is held, in the order of before; what has not come back by now is not waited for."""
        self._restore = {}
        self.held.sort(key=self._rank)
        self._order.clear()
        if self.held:
            self._look()

    def _look(self) -> None:
        self.last = self.held[0].entry
        self.status = "stopped"
        self._changed.set()

    def _rank(self, hold: Hold) -> int:
        """Where in the queue a hold belongs: as it was before, new ones behind."""
        key = hold.visit.key
        return self._order.index(key) if key in self._order else len(self._order)

    def _add_idle(self, entry: Entry | None, seconds: float) -> None:
        while entry is not None:
            key = entry.note.key
            self._idle[key] = self._idle.get(key, 0.0) + seconds
            entry = entry.parent

    def _reason(
        self, entry: Entry, visit: Tracked, when: When, occasion: Callable[[], Occasion]
    ) -> tuple[str, int | None] | None:
        """Why to hold here, and by which breakpoint; `None` to go on."""
        if self.restores(visit, when):
            hold = self._restore.pop(visit.key)
            return hold["why"], hold["breakpoint"]
        if when in ALWAYS:
            return ALWAYS[when], None
        if self._restore:
            if not self._left_behind(visit, when):
                return None
            self._restore = {}
            return OPENED, None
        if self._pausing is OPENED and when == "before" and visit.entered:
            return None
        if self._pausing is not None:
            why, self._pausing = self._pausing, None
            return why, None
        hit = self._breakpoints.hit(occasion())
        if hit is not None:
            return self._breakpoints.reason(hit), hit.number
        parent = None if entry.parent is None else entry.parent.note.key
        stops = self._mode.stops(visit.key, len(visit.within), when, parent, visit.step)
        return (self._mode.kind, None) if stops else None

    def _left_behind(self, visit: Tracked, when: When) -> bool:
        """Whether the place where it was held will not come again: the graph went another way, or came further."""
        if visit.key in self._restore:
            return when == "after"
        return visit.seq > max(int(each["seq"]) for each in self._restore.values())


async def _render(hold: Hold) -> None:
    """Say what the model would read, where its engine can."""
    if hold.request is not None and hold.engine is not None:
        with suppress(TutelageError):
            shown = await rendered(hold.engine, hold.request)
            hold.text, hold.token_ids = (shown.text, shown.token_ids) if shown else (None, None)


def _goes_along(hold: Hold, mode: Mode) -> bool:
    """Whether a held neighbour goes on with the one that is let go."""
    parent = None if hold.entry.parent is None else hold.entry.parent.note.key
    return mode.kind != "next" or mode.beside(len(hold.visit.within), parent, hold.visit.step)
