"""Where a fork leaves its parent: a point of a branch's path, and the events that a fork from there begins with.

Not covered: running the fork (`workbench`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from tutelage.errors import UserError
from tutelage.graphs.debugging.hold import Hold
from tutelage.graphs.debugging.keeping import Keeper
from tutelage.graphs.debugging.track import FORK, Track, Tracked
from tutelage.graphs.debugging.view import When

__all__ = ["At", "Point", "first_events", "here", "point"]

At: TypeAlias = int | tuple[int, str]
"""A visit's number, which means before it, or the number with "before", "prompt" or "after"."""

Events = list[tuple[str, str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a branch's path."""

    number: int
    key: str
    when: When
    upto: int
    """The path's events up to this number lie before it."""
    inherited: tuple[str, ...]
    """Turns of visits that have not ended there."""
    beside: tuple[str, ...] = ()
    """The keys of the visits in the same super-step."""

    @property
    def side(self) -> str:
        """Whether an edit of the state there is one before the visit or after it."""
        return "after" if self.when in ("after", "error") else "before"


def here(track: Track, hold: Hold, last: int) -> Point:
    """Give the point at which a branch is held.

    Args:
        track: The visits of the branch.
        hold: Where it is held.
        last: The number of the path's last event.
    """
    open_visits = [each for each in track.visits if each.ended is None]
    turns = tuple(turn for each in open_visits for turn in each.turns)
    return Point(hold.visit.number, hold.visit.key, hold.when, last, turns, tuple(track.beside(hold.visit)))


def point(track: Track, at: At) -> Point:
    """Find a point of a path.

    Raises:
        UserError: There is no such visit, or it has not come that far.
    """
    number, when = at if isinstance(at, tuple) and len(at) == 2 else (at, "before")
    if not isinstance(number, int) or isinstance(number, bool):
        raise UserError(f"at={at!r}: give a visit's number, or the number with 'before', 'prompt' or 'after'")
    visit = track.number(number)
    if visit is None:
        listed = ", ".join(f"{each.number} {each.node}" for each in track.visits) or "none"
        raise UserError(f"there is no visit {number!r} on this branch; there are: {listed}")
    if when not in ("before", "prompt", "after"):
        raise UserError(f"at={at!r}: give a visit's number, or the number with 'before', 'prompt' or 'after'")
    upto = _upto(visit, when)
    return Point(visit.number, visit.key, cast(When, when), upto, (), tuple(track.beside(visit)))


def _upto(visit: Tracked, when: str) -> int:
    if when == "before":
        return visit.seq - 1
    if when == "prompt":
        return visit.seq
    if visit.ended is None:
        raise UserError(f"visit {visit.number} ({visit.node}) has not ended; there is no state after it yet")
    return visit.ended


def first_events(
    at: Point, keeper: Keeper, changes: Mapping[str, Any], prompt: Mapping[str, Any] | None
) -> tuple[Events, dict[bytes, bytes]]:
    """What a fork begins with, and the contents that it names.

    Args:
        at: Where it leaves its parent.
        keeper: Keeps the values.
        changes: Fields of the state to be changed there.
        prompt: What is changed in the next model call of the visit.
    """
    contents: dict[bytes, bytes] = {}
    events: Events = []
    if at.inherited:
        events.append(("inherit", "", {"turns": list(at.inherited)}))
    for name, value in changes.items():
        data: dict[str, Any] = {"when": at.side, "field": name, "value": keeper.must_keep(value, contents)}
        if at.side == "after":
            data["over"] = list(at.beside)
        events.append(("edit", at.key, data))
    if prompt is not None:
        events.append(("edit", at.key, {"when": "prompt", "asked": None, "nth": 1, **prompt}))
    events.append(("hold", at.key, {"when": at.when, "why": FORK, "breakpoint": None}))
    return events, contents
