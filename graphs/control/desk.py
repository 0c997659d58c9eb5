"""What a batch and whoever controls it share: pausing, how many at once, the rollouts in flight, the breakpoints.

The batch asks before it begins a rollout and tells of every rollout's beginning and end; while nobody controls it, all
of that is a look at an attribute. Everything here may be called from any thread. Not covered: sockets and clients.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Literal

from tutelage.agents.interception import current_interceptor, intercepting_from
from tutelage.errors import UserError
from tutelage.graphs.control.bell import Bell
from tutelage.graphs.control.crew import Crew
from tutelage.graphs.control.flight import Flight, occasion, path_of
from tutelage.graphs.control.moment import Moment
from tutelage.graphs.debugging.breakpoints import Breakpoints
from tutelage.graphs.debugging.place import Place, placed
from tutelage.graphs.debugging.shape import Shape
from tutelage.graphs.debugging.view import Breakpoint
from tutelage.traces import RolloutRecorder

__all__ = ["MOST_HELD", "Desk", "Hit", "Stopped"]

MOST_HELD = 16
"""Rollouts that breakpoints hold at once; beyond, they let pass what they would hold."""
FAILURES = 20

Listener = Callable[[str, Flight], None]
"""Told of what happens to a rollout: "held" or "gone"."""
Pausing = Literal["nodes", "now"] | None


class Stopped(Exception):
    """A client asked for the end of the batch."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A breakpoint that holds."""

    breakpoint: int
    owner: int | None
    why: str


class Desk:
    """One batch under control, or ready for it."""

    def __init__(self, concurrency: int, shape: Shape) -> None:
        """Start with everything running freely.

        Args:
            concurrency: How many rollouts at once.
            shape: The graph's.
        """
        self.concurrency = concurrency
        self.shape = shape
        self.bell = Bell()
        self.paused: Pausing = None
        self.pauser: int | None = None
        """The client that paused it, whose end is the pause's end; `None`: it lasts."""
        self.awake = False
        """Whether anybody cares for the nodes of any rollout."""
        self.hears_calls = False
        """Whether anybody cares for the model calls of all rollouts."""
        self.has_breakpoints = False
        self.owners: dict[int, int | None] = {}
        """Who set which breakpoint."""
        self.passed_by = 0
        """How often a breakpoint held nothing because too many rollouts were held."""
        self.failures: deque[tuple[str, str, str]] = deque(maxlen=FAILURES)
        """The latest: the task's id, the kind of error, the whole error."""
        self.breakpoints = Breakpoints(shape.nodes, shape.fields, lambda _: None)
        self.count_tokens: Callable[[str], int] | None = None
        """Counts what a rollout has read and written."""
        self.listener: Listener | None = None
        self._flights: dict[int, Flight] = {}
        self._next_taken: tuple[int | None] | None = None
        self._last = 0
        self._stopping = False
        self._lock = threading.RLock()
        self._crew: Crew | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: Context | None = None
        """The batch's own: a worker that is made while a rollout is held must not run as if it were inside that one."""

    def lead(self, crew: Crew) -> None:
        """Take a crew over, in its event loop."""
        self._crew, self._loop, self._context = crew, asyncio.get_running_loop(), copy_context()
        self._fit()
        if self._stopping:
            self.stop()

    async def may_begin(self) -> None:
        """Wait until a rollout may begin."""
        if self.paused:
            await self.bell.until(lambda: not self.paused)

    @contextmanager
    def flying(self, recorder: RolloutRecorder) -> Iterator[Flight]:
        """Count a rollout as in flight inside the block."""
        with self._lock:
            self._last += 1
            flight = self._flights[self._last] = Flight(self, self._last, recorder)
            if self._next_taken is not None:
                flight.take(*self._next_taken)
                self._next_taken = None
        try:
            yield flight
        finally:
            with self._lock:
                del self._flights[flight.number]
            if flight.last_owner is not None:
                self._tell("gone", flight)
            if self.awake:
                self.look_again()

    @contextmanager
    def watching(self, flight: Flight) -> Iterator[None]:
        """Let a rollout's graph and model calls be seen inside the block."""
        outer = current_interceptor()
        source = flight.interceptor if outer is None else lambda: outer
        with placed(Place(flight)), intercepting_from(source):
            yield

    def failed(self, recorder: RolloutRecorder, message: str) -> None:
        """Hear that a rollout failed."""
        self.failures.append((recorder.rollout.task.id, message.partition(":")[0], message))

    def flights(self) -> list[Flight]:
        """Give the rollouts in flight, in the order in which they began."""
        with self._lock:
            return list(self._flights.values())

    def flight(self, number: int) -> Flight:
        """Give one of them.

        Raises:
            UserError: It has ended, or there never was one of this number.
        """
        with self._lock:
            if number not in self._flights:
                gone = "has ended" if 0 < number <= self._last else "is not known"
                raise UserError(f"rollout {number} {gone}; ps lists what is in flight")
            return self._flights[number]

    def find(self, which: str) -> Flight:
        """Give the rollout that a number, a task's id or the beginning of a rollout's id names.

        Raises:
            UserError: None is named, or several are.
        """
        if which.isdecimal() and int(which) in self._flights:
            return self.flight(int(which))
        flying = self.flights()
        named = [each for each in flying if each.recorder.rollout.task.id == which]
        named = named or [each for each in flying if which and each.recorder.rollout.id.startswith(which)]
        if len(named) == 1:
            return named[0]
        if named:
            numbers = ", ".join(str(each.number) for each in named)
            raise UserError(f"{which!r} may be any of the rollouts {numbers}; give a number")
        raise UserError(
            f"nothing in flight is called {which!r}; give a number, a task's id or a rollout's id"
        )

    def pause(self, *, now: bool, owner: int | None) -> None:
        """Let no rollout begin, and hold those in flight before their next node, or at their next model call."""
        self.paused, self.pauser = "now" if now else "nodes", owner
        self.look_again()

    def resume(self) -> None:
        """End the pause."""
        self.paused = self.pauser = None
        self.look_again()

    def retune(self, concurrency: int) -> None:
        """Want another number of rollouts at once; too many of them end in their own time."""
        self.concurrency = concurrency
        self._fit()

    def stop(self) -> None:
        """End the batch as Ctrl-C does: what is in flight is abandoned and run anew by the next call."""
        self._stopping = True
        if self._loop is not None and self._crew is not None:
            self._loop.call_soon_threadsafe(self._crew.end, Stopped())

    def take(self, which: str, owner: int | None) -> Flight | None:
        """Get a grip on a rollout, or ("next") on the next that begins, which gives `None`."""
        with self._lock:
            if which == "next":
                self._next_taken = (owner,)
                self.look_again()
                return None
            flight = self.find(which)
            flight.take(owner)
            self.look_again()
            return flight

    def break_on(self, owner: int | None, **settings: Any) -> Breakpoint:
        """Hold every rollout that meets a condition; see `Breakpoint`."""
        made = self.breakpoints.add(**settings)
        self.owners[made.number] = owner
        self.look_again()
        return made

    def change_breakpoint(self, number: int, changes: Mapping[str, Any]) -> Breakpoint:
        """Change a breakpoint; see `Breakpoints.change`."""
        made = self.breakpoints.change(number, **changes)
        self.look_again()
        return made

    def clear(self, number: int | None) -> None:
        """Remove a breakpoint, or all."""
        self.breakpoints.remove(number)
        self.look_again()

    def hit(self, flight: Flight, moment: Moment) -> Hit | None:
        """Give the breakpoint that holds a rollout here."""
        if moment.when in ("error", "asks"):
            found = self._at_error(moment)
        else:
            counted = any(each.tokens is not None for each in self.breakpoints.all())
            count, rollout = self.count_tokens, flight.recorder.rollout.id
            tokens = (lambda: count(rollout)) if counted and count is not None else None
            found = self.breakpoints.hit(occasion(flight, moment, tokens))
        if found is None:
            return None
        if sum(bool(each.holds) for each in self.flights()) >= MOST_HELD:
            self.passed_by += 1
            return None
        owner = self.owners.get(found.number)
        self.look_again()
        return Hit(found.number, owner, self.breakpoints.reason(found))

    def leave(self, owner: int, *, stay: bool) -> None:
        """Undo what a client did, or (`stay`) let all of it last without it."""
        with self._lock:
            kept = [number for number, own in self.owners.items() if own == owner]
            for number in kept:
                if stay:
                    self.owners[number] = None
                elif any(each.number == number for each in self.breakpoints.all()):
                    self.breakpoints.remove(number)
            if self._next_taken == (owner,):
                self._next_taken = (None,) if stay else None
            if self.paused and self.pauser == owner:
                self.paused, self.pauser = (self.paused, None) if stay else (None, None)
            for flight in self.flights():
                if stay:
                    flight.stay(owner)
                else:
                    flight.let_go(owner)
        self.look_again()

    def holding(self, flight: Flight) -> None:
        """Hear that a rollout is held, or goes on."""
        front = next(iter(flight.holds), None)
        if front is not None and not front.told:
            front.told = True
            self._tell("held", flight)
        self._fit()

    def look_again(self) -> None:
        """Work out who cares for what, and wake all who wait."""
        points = self.breakpoints.all()
        self.has_breakpoints = bool(points)
        self.hears_calls = self.paused == "now" or any(each.at == "prompt" for each in points)
        gripped = any(each.grip is not None or each.holds for each in self.flights())
        self.awake = bool(self.paused or points or gripped or self._next_taken)
        self.bell.ring()

    def _at_error(self, moment: Moment) -> Breakpoint | None:
        names = (moment.entry.node, path_of(moment.entry))
        for each in self.breakpoints.all():
            if not each.error or not each.enabled or each.node not in (None, *names):
                continue
            found = self.breakpoints.change(each.number, hits=each.hits + 1, ignore=max(0, each.ignore - 1))
            if each.ignore:
                continue
            if each.temporary:
                self.breakpoints.remove(each.number)
            return found
        return None

    def _fit(self) -> None:
        """Have as many workers as are wanted, besides those whose rollouts are held."""
        if self._loop is None or self._crew is None or self._loop.is_closed():
            return
        held = sum(bool(each.holds) for each in self.flights())
        size = self.concurrency + held
        self._loop.call_soon_threadsafe(self._crew.resize, size, context=self._context)

    def _tell(self, what: str, flight: Flight) -> None:
        if self.listener is not None:
            self.listener(what, flight)
