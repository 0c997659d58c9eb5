"""What is noted of every node of a rollout in flight, and what its routers decided last: little, since nobody may ask.

Not covered: states, which the log of a debugging session keeps and a batch does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.graphs.debugging.place import Crossroads, Entry
from tutelage.graphs.debugging.shape import Shape, router_name, targets_of
from tutelage.graphs.debugging.view import Route, Visit
from tutelage.graphs.outcome import plain_value

__all__ = ["Decision", "begun", "followed", "reason"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a conditional edge decided after a visit."""

    visit: int
    router: Any
    read: Mapping[str, Any]
    decided: Any


def begun(entry: Entry, number: int, now: float, branch: str) -> Visit:
    """Note a node that begins."""
    return Visit(
        number=number,
        key=entry.namespace or f"{entry.step}:{'/'.join((*entry.within, entry.node))}",
        node=entry.node,
        within=entry.within,
        step=entry.step,
        branch=branch,
        started=now,
        status="running",
        parent=None if entry.parent is None else entry.parent.note.number,
    )


def followed(crossroads: Crossroads, visits: Sequence[Visit]) -> int | None:
    """The number of the visit that a conditional edge follows; `None` at the beginning of a graph."""
    parent = None if crossroads.parent is None else crossroads.parent.note.number
    place = (crossroads.node, crossroads.step, parent)
    return next(
        (each.number for each in reversed(visits) if (each.node, each.step, each.parent) == place), None
    )


def reason(shape: Shape, visits: Sequence[Visit], decisions: Sequence[Decision]) -> Route | None:
    """Tell why a rollout went on as it did last; `None` before any visit has ended.

    Args:
        shape: The graph's.
        visits: Those of the rollout.
        decisions: What the routers of one visit decided, the latest that had any.
    """
    if decisions:
        visit = visits[decisions[0].visit - 1]
        decided = [
            {
                "router": router_name(each.router),
                "targets": targets_of(each.decided),
                "read": {name: plain_value(value) for name, value in each.read.items()},
            }
            for each in decisions
        ]
        return shape.route(visit.number, visit.within, visit.node, decided)
    ended = [each for each in visits if each.status == "done"]
    if not ended:
        return None
    return shape.route(ended[-1].number, ended[-1].within, ended[-1].node, ())
