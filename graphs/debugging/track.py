"""The visits of a branch's path: read from a session's log, added to while its graph runs.

A visit's key names it by where it is (`"2 team/1 critic"`: super-step and node, subgraph by subgraph), so that it is
found again when the graph runs anew with what is on record. Not covered: writing the log (`execution`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tutelage.graphs.debugging.place import Crossroads, Entry
from tutelage.graphs.debugging.view import Visit
from tutelage.traces.session_log import Event

__all__ = ["FORK", "Track", "Tracked", "key_of_entry", "nth_key", "place_key"]

FORK = "fork"
"""Why a fork is held where it begins."""


@dataclass(slots=True, eq=False)
class Tracked:
    """A visit with what its log says."""

    number: int
    key: str
    node: str
    within: tuple[str, ...]
    step: int
    branch: int
    started: float
    parent: int | None
    seq: int
    """The number of the event that began it."""
    before: Mapping[str, str | None]
    """The state before it: field to the name of its value."""
    status: Literal["running", "held", "done", "failed"] = "running"
    ended: int | None = None
    """The number of the event that ended it."""
    seconds: float | None = None
    error: str | None = None
    kind: str = ""
    """The class of the error."""
    steps: int | None = None
    """How many super-steps its graph had taken, where it failed for want of more."""
    result: str | None = None
    after: Mapping[str, str | None] | None = None
    edits: list[tuple[str, str, str, int]] = field(default_factory=list)
    """When ("before", "during", "after"), which field, the name of its value, and the number of the event."""
    prompts: list[Mapping[str, Any]] = field(default_factory=list)
    """What a person changed in its model calls that are not answered yet."""
    answers: list[str] = field(default_factory=list)
    """Names of what a person answered to its questions."""
    turns: list[str] = field(default_factory=list)
    tokens: tuple[int, int] = (0, 0)
    touched: bool = False
    entered: bool = False
    """Whether a node inside it has begun."""
    raised: bool = False
    """Whether it failed and the graph was told so."""

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields that have another value after it."""
        if self.after is None:
            return ()
        names = [*self.before, *(name for name in self.after if name not in self.before)]
        return tuple(
            name for name in names if self.before.get(name) != self.after.get(name, self.before.get(name))
        )

    def view(self, branch: str) -> Visit:
        """As faces see it."""
        return Visit(
            number=self.number,
            key=self.key,
            node=self.node,
            within=self.within,
            step=self.step,
            branch=branch,
            started=self.started,
            seconds=self.seconds,
            status=self.status,
            error=self.error,
            turns=tuple(self.turns),
            prompt_tokens=self.tokens[0],
            completion_tokens=self.tokens[1],
            changed=self.changed,
            edited=self.touched,
            parent=self.parent,
        )


class Track:
    """All visits of a path, by number and by key."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """Read what is on record."""
        self.visits: list[Tracked] = []
        self.rules: list[Mapping[str, Any]] = []
        """What a person changed for all later calls of a role."""
        self.routes: dict[str, list[Mapping[str, Any]]] = {}
        """What conditional edges decided, by the key of the visit that they follow."""
        self.final: Mapping[str, str | None] | None = None
        """The state at the end of the graph."""
        self.overruled: dict[str, set[str]] = {}
        """Fields that a person wrote after a neighbour of a visit, by the visit's key."""
        self.limits: dict[str, int] = {}
        """How many super-steps a person lets a graph take, by the key of the node that it is; "" for the outermost."""
        self.inherited: list[str] = []
        """Turns of unfinished visits that a fork shares with its parent."""
        self.holds: dict[str, Mapping[str, Any]] = {}
        """Where the branch is held, by the keys of the visits; the first is the one that was looked at."""
        self._by_key: dict[str, Tracked] = {}
        self._waiting: dict[str, list[Event]] = {}
        for event in events:
            self.add(event)

    def get(self, key: str) -> Tracked | None:
        """Give the visit of a key."""
        return self._by_key.get(key)

    def number(self, number: int) -> Tracked | None:
        """Give the visit of a number."""
        return next((each for each in self.visits if each.number == number), None)

    def beside(self, visit: Tracked) -> list[str]:
        """Give the keys of the visits in the same super-step of the same graph."""
        place = (visit.parent, visit.step)
        return [each.key for each in self.visits if (each.parent, each.step) == place and each is not visit]

    def decisions(self) -> Iterator[tuple[tuple[str, ...], str, Mapping[str, Any]]]:
        """Give every decision of a conditional edge: the nodes around it, the node that it follows, and what it was.

        A graph that begins with conditional edges has them after "__start__".
        """
        for key, routes in self.routes.items():
            outer, _, own = key.rpartition("/")
            around, visit = self.get(outer), self.get(key)
            within = () if around is None else (*around.within, around.node)
            node = own.split(" ", 1)[-1] if visit is None else visit.node
            for route in routes:
                yield within, node, route

    def next_number(self) -> int:
        """Give the number of the next visit to begin."""
        return 1 + max((each.number for each in self.visits), default=0)

    def add(self, event: Event) -> None:
        """Take in what happened."""
        handler = getattr(self, f"_{event.kind}", None)
        if handler is not None:
            handler(event)

    def _begin(self, event: Event) -> None:
        data = event.data
        visit = Tracked(
            number=data["number"],
            key=event.key,
            node=data["node"],
            within=tuple(data["within"]),
            step=data["step"],
            branch=event.branch,
            started=data["started"],
            parent=data["parent"],
            seq=event.seq,
            before=data["state"],
        )
        self.visits.append(visit)
        self._by_key[event.key] = visit
        outer = None if visit.parent is None else self.number(visit.parent)
        if outer is not None:
            outer.entered = True
        for edit in self._waiting.pop(event.key, []):
            self._edit(edit)

    def _end(self, event: Event) -> None:
        visit, data = self._by_key[event.key], event.data
        visit.status, visit.ended, visit.seconds = "done", event.seq, data["seconds"]
        visit.result, visit.after, visit.error = data["result"], data["state"], None

    def _fail(self, event: Event) -> None:
        visit = self._by_key[event.key]
        visit.status, visit.error, visit.seconds = "failed", event.data["error"], event.data["seconds"]
        visit.kind, visit.steps = event.data["kind"], event.data.get("steps")

    def _raise(self, event: Event) -> None:
        self._by_key[event.key].raised = True

    def _final(self, event: Event) -> None:
        self.final = event.data["state"]

    def _edit(self, event: Event) -> None:
        data = event.data
        for key in data.get("over", ()):
            self.overruled.setdefault(key, set()).add(data["field"])
        visit = self._by_key.get(event.key)
        if visit is None:
            self._later(event)
            return
        visit.touched = True
        if data["when"] == "prompt":
            visit.prompts.append(data)
            return
        visit.edits.append((data["when"], data["field"], data["value"], event.seq))
        if data["when"] == "after" and visit.after is not None:
            visit.after = {**visit.after, data["field"]: data["value"]}

    def _later(self, event: Event) -> None:
        """An edit of a visit that a fork has not begun yet: it waits for its beginning."""
        self._waiting.setdefault(event.key, []).append(event)

    def _answer(self, event: Event) -> None:
        self._by_key[event.key].answers.append(event.data["value"])

    def _route(self, event: Event) -> None:
        self.routes.setdefault(event.key, []).append(event.data)

    def _rule(self, event: Event) -> None:
        self.rules.append(event.data)

    def _limit(self, event: Event) -> None:
        self.limits[event.key] = event.data["steps"]

    def _inherit(self, event: Event) -> None:
        self.inherited.extend(event.data["turns"])

    def _hold(self, event: Event) -> None:
        if event.data["why"] == FORK:
            self.holds.clear()
        self.holds[event.key] = {**event.data, "seq": event.seq}

    def _go(self, event: Event) -> None:
        self.holds.pop(event.key, None)


def key_of_entry(entry: Entry, seen: dict[str, int]) -> str:
    """The key of a visit that begins.

    Args:
        entry: The node.
        seen: How often each place was begun while this graph ran; counted on.
    """
    key = place_key(entry)
    seen[key] = seen.get(key, 0) + 1
    return nth_key(key, seen[key])


def place_key(at: Entry | Crossroads) -> str:
    """What names the place of a node, or of the conditional edges after it, however often it is begun."""
    above = "" if at.parent is None else f"{at.parent.note.key}/"
    packet = "" if at.index is None else f"[{at.index}]"
    return f"{above}{at.step} {at.node}{packet}"


def nth_key(place: str, times: int) -> str:
    """The key of the nth visit of a place; the first has the place's own."""
    return place if times <= 1 else f"{place}#{times}"
