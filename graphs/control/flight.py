"""One rollout in flight: where it is, whether somebody has a grip on it, and the stops at which it is held.

It is the watcher of the rollout's graph and, while somebody cares, the interceptor of its model calls. While nobody
cares it counts the nodes and lets everything pass. Several events of one rollout (parallel nodes) are held one behind
the other. A node with a time limit is never held: waiting would make it fail. Not covered: what a batch shares (`Desk`),
and model calls of routers, which pass.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from tutelage.agents import Answer, Engine, Request
from tutelage.agents.interception import Intercepted, Proceed
from tutelage.errors import UserError
from tutelage.graphs.control.hold import Hold
from tutelage.graphs.control.moment import After, Before, Erring, Moment, Prompting, Questioned
from tutelage.graphs.control.passing import Decision, begun, followed, reason
from tutelage.graphs.control.reports import FlightStatus, InFlight, Mode
from tutelage.graphs.debugging.breakpoints import Occasion
from tutelage.graphs.debugging.place import Crossroads, Entry, Signpost, Taken, current_place
from tutelage.graphs.debugging.view import Route, Stop, Visit
from tutelage.traces import RolloutRecorder

if TYPE_CHECKING:
    from tutelage.graphs.control.desk import Desk

__all__ = ["Flight", "Grip"]

Held = TypeVar("Held", bound=Moment)
NOTHING = Signpost()


@dataclass(frozen=True, slots=True)
class Grip:
    """Somebody steps through a rollout."""

    owner: int | None
    mode: Mode = "step"
    depth: int = 0
    """How deep the node was where the last stop was."""
    node: str | None = None
    """Where to stop, for "until"."""
    why: str = "step"

    def wants(self, moment: Moment) -> bool:
        """Whether to hold here."""
        entry = moment.entry
        depth = len(entry.within)
        match self.mode:
            case "step":
                return True
            case "next":
                return moment.when == "before" and depth <= self.depth
            case "out":
                return moment.when in ("before", "after") and depth < self.depth
            case "until":
                return moment.when == "before" and self.node in (entry.node, path_of(entry))
        return False


class Flight:
    """A rollout that has begun and not ended."""

    def __init__(self, desk: "Desk", number: int, recorder: RolloutRecorder) -> None:
        """Begin."""
        self.number = number
        self.recorder = recorder
        self.grip: Grip | None = None
        self._holds: list[Hold] = []
        self.edits: list[str] = []
        """What a person changed, in words for the record."""
        self.last_owner: int | None = None
        """The client that had it last."""
        self.tokens = 0
        """Read and written, as counted last; only where a breakpoint asks for it."""
        self._desk = desk
        self._visits: list[Visit] = []
        self._decisions: list[Decision] = []
        """Of the latest visit after which a router decided."""
        self._stops = 0
        self._waiting = 0
        self._active: dict[Entry, float] = {}
        self._began = self._latest = time.time()

    async def enter(self, entry: Entry) -> Taken:
        """See `Watcher`."""
        self._active[entry] = self._latest = time.time()
        entry.note = begun(entry, len(self._visits) + 1, self._latest, self.name)
        self._visits.append(entry.note)
        if not self._desk.awake:
            return Taken(entry.input)
        if self._desk.paused:
            await self._while_paused(entry)
        return Taken((await self._perhaps(Before(entry))).input)

    async def leave(self, entry: Entry, result: Any) -> Any:
        """See `Watcher`."""
        if self._desk.awake:
            result = (await self._perhaps(After(entry, result))).result
        self._left(entry)
        return result

    async def fail(self, entry: Entry, error: Exception) -> Taken | None:
        """See `Watcher`; whoever ends the process in a node ends it."""
        if isinstance(end := sys.exception(), SystemExit | KeyboardInterrupt):
            raise end
        if self._desk.awake:
            moment = await self._perhaps(Erring(entry, error))
            if moment.again:
                return Taken(moment.input)
        self._left(entry, f"{type(error).__name__}: {error}")
        return None

    async def ask(self, entry: Entry, question: Any) -> Any:
        """See `Watcher`; a person answers where there is one."""
        if self.grip is not None and not limited(entry):
            moment = Questioned(entry, question)
            await self._hold(moment, self.grip.owner, "the node asks", None)
            if moment.answers:
                self.edits.append(f"answer to {entry.node}")
                return moment.answers[-1]
        raise NotImplementedError

    def approach(self, crossroads: Crossroads) -> Signpost:
        """See `Watcher`; conditional edges decide by themselves."""
        return Signpost()

    def route(self, crossroads: Crossroads, read: Mapping[str, Any], decided: Any) -> None:
        """See `Watcher`."""
        number = followed(crossroads, self._visits)
        if number is not None:
            self._decisions = [each for each in self._decisions if each.visit == number]
            self._decisions.append(Decision(number, crossroads.router, read, decided))

    def interceptor(self) -> "Flight | None":
        """Itself, while somebody cares for the rollout's model calls."""
        return self if self.grip or self.edits or self._desk.hears_calls else None

    async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        """See `Interceptor`."""
        place = current_place()
        entry = place.entry if place is not None and place.watcher is self else None
        said: Answer | None = None
        if entry is not None:
            if self._desk.paused == "now":
                await self._while_paused(entry)
            moment = await self._perhaps(Prompting(entry, request, engine))
            request, said = moment.asked, moment.said
        answer = await proceed(request) if said is None else said
        by_hand: dict[str, Any] = {"by_hand": [*self.edits]} if self.edits else {}
        return Intercepted(request, answer, author=None if said is None else "person", metadata=by_hand)

    @property
    def holds(self) -> list[Hold]:
        """Where it is held; the first is the one that is looked at."""
        return [hold for hold in self._holds if not hold.going]

    def take(self, owner: int | None, why: str = "picked") -> None:
        """Get a grip on it: it is held at its next event, or where it is held already; from any thread."""
        self.grip, self.last_owner = Grip(owner, why=why), owner
        for hold in self.holds:
            hold.owner = owner

    def go(self, mode: Mode, node: str | None = None) -> None:
        """Let it go on from where it is held; from any thread."""
        holds = self.holds
        if not holds:
            self.grip = None if mode == "continue" else self.grip
            return
        front, *others = holds
        depth = len(front.moment.entry.within)
        why = f"until {node}" if mode == "until" else mode
        self.grip = None if mode == "continue" else Grip(front.owner, mode, depth, node, why)
        front.release()
        for hold in others:
            wanted = self.grip is not None and self.grip.wants(hold.moment)
            if not wanted and hold.stop.breakpoint is None:
                hold.release()

    def let_go(self, owner: int | None = None) -> None:
        """Let it go on for good, for one client or for all; from any thread."""
        if self.grip is not None and owner in (None, self.grip.owner):
            self.grip = None
        for hold in self.holds:
            if owner in (None, hold.owner):
                hold.release()

    def stay(self, owner: int) -> None:
        """Stay as it is when its client is gone; from any thread."""
        if self.grip is not None and self.grip.owner == owner:
            self.grip = replace(self.grip, owner=None)
        for hold in self.holds:
            if hold.owner == owner:
                hold.owner = None

    def status(self) -> FlightStatus:
        """Whether it runs."""
        return "held" if self.holds else "paused" if self._waiting else "running"

    def report(self, *, content: bool) -> InFlight:
        """Show it; without contents nothing that a model wrote."""
        now = time.time()
        rollout = self.recorder.rollout
        front = next(iter(self.holds), None)
        hidden = {} if content else {"request": None, "question": None, "error": None}
        return InFlight(
            number=self.number,
            rollout=rollout.id,
            task=rollout.task.id,
            repeat=rollout.repeat,
            status=self.status(),
            nodes=tuple(path_of(entry) for entry in _innermost(list(self._active))),
            visits=len(self._visits),
            seconds=now - self._began,
            waited=now - self._latest,
            edits=len(self.edits),
            stops=self._stops,
            stop=None if front is None else front.stop.model_copy(update=hidden),
        )

    def visits(self) -> list[Visit]:
        """Give its visits so far."""
        held = {hold.moment.entry.note.number for hold in self.holds}
        return [_held(each) if each.number in held else each for each in list(self._visits)]

    def why(self) -> Route:
        """Tell why it went on as it did last.

        Raises:
            UserError: No node has ended yet.
        """
        found = reason(self._desk.shape, list(self._visits), list(self._decisions))
        if found is None:
            raise UserError("no node has ended yet, so nothing was decided")
        return found

    @property
    def name(self) -> str:
        """What a session would call its branch."""
        return f"rollout {self.number}"

    async def _while_paused(self, entry: Entry) -> None:
        if limited(entry):
            return
        self._waiting += 1
        try:
            await self._desk.bell.until(lambda: not self._desk.paused or self.grip is not None)
        finally:
            self._waiting -= 1

    async def _perhaps(self, moment: Held) -> Held:
        """Hold the rollout here if somebody wants that; give the moment with what was changed."""
        grip = self.grip
        if limited(moment.entry):
            return moment
        if grip is not None and grip.wants(moment):
            await self._hold(moment, grip.owner, grip.why, None)
        elif self._desk.has_breakpoints and (hit := self._desk.hit(self, moment)) is not None:
            await self._hold(moment, hit.owner, hit.why, hit.breakpoint)
        return moment

    async def _hold(self, moment: Moment, owner: int | None, why: str, breakpoint: int | None) -> None:
        self._stops += 1
        stop = Stop(
            when=moment.when,
            visit=_held(moment.entry.note),
            why=why,
            breakpoint=breakpoint,
            question=moment.question,
            request=moment.request,
            error=moment.error,
        )
        hold = Hold(moment, stop, owner, self._stops)
        self.last_owner = owner
        if breakpoint is not None and self.grip is None:
            self.grip = Grip(owner)
        self._holds.append(hold)
        self._latest = time.time()
        self._desk.holding(self)
        try:
            await hold.wait()
        finally:
            self._holds.remove(hold)
            self._latest = time.time()
            self._desk.holding(self)

    def _left(self, entry: Entry, error: str | None = None) -> None:
        self._latest = time.time()
        begun_at = self._active.pop(entry, self._latest)
        status = "done" if error is None else "failed"
        ended = {"seconds": self._latest - begun_at, "status": status, "error": error}
        entry.note = self._visits[entry.note.number - 1] = entry.note.model_copy(update=ended)


def occasion(flight: Flight, moment: Moment, tokens: Callable[[], int] | None) -> Occasion:
    """What breakpoints are asked about."""
    entry, request = moment.entry, moment.request
    before = flight.tokens
    if tokens is not None:
        flight.tokens = tokens()
    return Occasion(
        at=moment.when if moment.when in ("before", "prompt", "after") else "after",
        node=entry.node,
        within=entry.within,
        state=moment.state,
        written=[change.field for change in moment.changes()],
        role=None if request is None else request.role,
        tokens=flight.tokens,
        before=before,
        step=entry.step,
        visit=entry.note.number,
        prompt="" if request is None else str(request.messages[-1].get("content")),
    )


def limited(entry: Entry) -> bool:
    """Whether a node's time is limited, so that holding it would make it fail."""
    around: Entry | None = entry
    while around is not None:
        node = around.app.nodes.get(around.node)
        if around.app.step_timeout is not None or getattr(node, "timeout", None) is not None:
            return True
        around = around.parent
    return False


def path_of(entry: Entry) -> str:
    """The node with the nodes around it."""
    return "/".join((*entry.within, entry.node))


def _innermost(active: Iterable[Entry]) -> list[Entry]:
    """The entries that run themselves, those around them and those of steps that are over left out."""
    entries = list(active)
    parents = {id(entry.parent) for entry in entries if entry.parent is not None}
    latest: dict[int, int] = {}
    for entry in entries:
        latest[id(entry.parent)] = max(latest.get(id(entry.parent), 0), entry.step)
    return [e for e in entries if id(e) not in parents and e.step == latest[id(e.parent)]]


def _held(visit: Visit) -> Visit:
    return visit.model_copy(update={"status": "held"})
