"""Where a rollout is in its record: which recorded call a request means, and when its turn is.

Calls are matched by content. Of equal ones a node gets its own before those of others, in the order in which
they started. They are answered in the order in which they ended. Parallel nodes may ask in another order: a
call whose turn has not come waits until the earlier ones are answered. Where those do not come within the
patience, and the clock of the record says that they had ended before this one started, the order was changed;
calls that overlapped in the record may change places.

Thread-safe, for callers from any event loop. Not covered: which of several equal calls that one node asks at
once is which where they start in another order than on record.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from tutelage.agents.engine import Request
from tutelage.agents.engines.replay_call import Key, ReplayCall
from tutelage.agents.engines.replay_difference import Differences
from tutelage.errors import ReplayDivergence

__all__ = ["Progress", "ReplayPlace"]


class Progress:
    """How far a rollout came; kept when its calls are not."""

    __slots__ = ("answered", "divergence", "live")

    def __init__(self, calls: int) -> None:
        """Start with nothing answered."""
        self.answered = bytearray(calls)
        """1 for each recorded call that was answered."""
        self.divergence: str | None = None
        """What was said when it left the record."""
        self.live = False
        """Whether it then went on live."""

    @property
    def stopped(self) -> str | None:
        """The divergence of a rollout that did not go on live."""
        return None if self.live else self.divergence

    @property
    def complete(self) -> bool:
        """Whether nothing recorded is left to be asked."""
        return self.live or 0 not in self.answered


class ReplayPlace:
    """One rollout under way."""

    def __init__(self, calls: Sequence[ReplayCall], differences: Differences, patience: float) -> None:
        """Stand before the first call.

        Args:
            calls: The recorded calls, in the order in which they ended.
            differences: Tells where the rollout leaves the record.
            patience: Seconds without an answer before the order counts as changed.
        """
        self.progress = Progress(len(calls))
        self._calls = calls
        self._differences = differences
        self._patience = patience
        self._unclaimed: dict[Key, list[int]] = {}
        """Calls that nobody asked yet; of each content, the one that started first is the last."""
        for index in reversed(sorted(range(len(calls)), key=lambda index: calls[index].said.started)):
            self._unclaimed.setdefault(calls[index].key, []).append(index)
        self._recorded = True
        self._next = 0
        self._waiting: list[Future[None]] = []
        self._lock = threading.Lock()

    async def take(self, key: Key, request: Request) -> int:
        """Give the index of the recorded call that a request means, once its turn has come.

        Raises:
            ReplayDivergence: It is not in the record, or not here; every later request gets the same error.
        """
        with self._lock:
            self._stop_if_diverged()
            if not self._recorded:
                raise self._diverged(self._differences.not_recorded(request))
            found = self._unclaimed.get(key)
            if not found:
                raise self._diverged(self._differences.unknown(key, request, self._claimable()))
            index = found.pop() if len(found) == 1 else self._claim(found, request)
        if index != self._next:
            try:
                await self._turn_of(index)
            except asyncio.CancelledError:
                if self._calls[index].left:
                    self.done(index)
                raise
        return index

    def call(self, index: int) -> ReplayCall:
        """A recorded call by its index."""
        return self._calls[index]

    def done(self, index: int) -> None:
        """Say that a call is answered."""
        answered = self.progress.answered
        with self._lock:
            answered[index] = 1
            while self._next < len(answered) and answered[self._next]:
                self._next += 1
            self._wake()

    def not_recorded(self) -> None:
        """Make every request of this rollout a divergence: the record does not hold it."""
        self._recorded = False

    def waited_on(self, call: ReplayCall) -> ReplayDivergence:
        """The error where a caller waits on for a call that the recorded one had left."""
        with self._lock:
            return self._diverged(self._differences.waited_on(call))

    def go_live(self) -> None:
        """Let the record be; what is recorded and unasked is not missed any more."""
        with self._lock:
            self.progress.live = True
            self._wake()

    def _claim(self, found: list[int], request: Request) -> int:
        """Take one of several equal calls: the asker's own before others, the one that started first."""

        def likeness(place: int) -> tuple[bool, bool, int]:
            said = self._calls[found[place]].said
            return said.node == request.node, said.role == request.role, place

        last = len(found) - 1
        return found.pop(last if all(likeness(last)[:2]) else max(range(len(found)), key=likeness))

    async def _turn_of(self, index: int) -> None:
        while True:
            with self._lock:
                self._stop_if_diverged()
                if self._next >= index:
                    return
                waiter: Future[None] = Future()
                self._waiting.append(waiter)
            try:
                await asyncio.wait_for(asyncio.wrap_future(waiter), self._patience)
            except TimeoutError:
                with self._lock:
                    missing = self._missing_before(index)
                    if missing:
                        raise self._diverged(self._differences.order(self._calls[index], missing)) from None
                return

    def _missing_before(self, index: int) -> list[ReplayCall]:
        answered, call = self.progress.answered, self._calls[index]
        before = (self._calls[other] for other in range(self._next, index) if not answered[other])
        return [other for other in before if other.precedes(call)]

    def _claimable(self) -> list[ReplayCall]:
        """The calls that could come now: unclaimed, and no other unclaimed one precedes them."""
        indices = sorted(index for found in self._unclaimed.values() for index in found)
        calls = [self._calls[index] for index in indices]
        return [call for call in calls if not any(other.precedes(call) for other in calls)]

    def _stop_if_diverged(self) -> None:
        if self.progress.divergence is not None:
            raise ReplayDivergence(self.progress.divergence)

    def _diverged(self, message: str) -> ReplayDivergence:
        self.progress.divergence = self.progress.divergence or message
        self._wake()
        return ReplayDivergence(self.progress.divergence)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
