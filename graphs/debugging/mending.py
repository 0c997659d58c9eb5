"""A session that is opened again with another graph: what changed, and whether its record can still be followed.

What nodes returned and where conditional edges led is served by the names of nodes and fields. A node or field that is
gone or new is told; a record that leads to a node that is gone is refused before anything runs. Not covered: functions
that changed under the same name (what they gave is served), fields of another type.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langgraph.types import Command

from tutelage.errors import UserError
from tutelage.graphs.debugging.keeping import Keeper
from tutelage.graphs.debugging.shape import Shape, targets_of
from tutelage.graphs.debugging.track import Track

__all__ = ["check_followed", "mended", "outline"]


def outline(shape: Shape) -> dict[str, list[str]]:
    """What is written down of a graph, to be compared with a later one."""
    return {"nodes": sorted(shape.paths), "fields": sorted(shape.fields)}


def mended(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> str | None:
    """Say what changed between two outlines; `None` where nothing did."""
    told = []
    for kind, one in (("nodes", "node"), ("fields", "field")):
        for word, names in (
            ("gone", {*before[kind]} - {*now[kind]}),
            ("new", {*now[kind]} - {*before[kind]}),
        ):
            if names:
                what = one if len(names) == 1 else kind
                told.append(f"{word} {what}: {', '.join(sorted(names))}")
    if not told:
        return None
    return (
        f"the graph is not the one that this session was last opened with ({'; '.join(told)}); what is on record is "
        "served by the names that are left"
    )


def check_followed(track: Track, shape: Shape, keeper: Keeper) -> None:
    """Make sure that a branch's record leads only to nodes that there are.

    Raises:
        UserError: It leads to one that is gone.
    """
    if all("/".join((*each.within, each.node)) in shape.paths for each in track.visits):
        return
    for within, node, route in track.decisions():
        _refuse(node, shape.leads_to(within, node), route["targets"])
    for visit in track.visits:
        if visit.result is not None:
            known = {*shape.inside(visit.within), "__end__"}
            _refuse(visit.node, known, list(_sent(keeper.get(visit.result))))


def _sent(result: Any) -> Iterator[str]:
    """The nodes to which a result leads in its own graph."""
    for each in result if isinstance(result, list | tuple) else [result]:
        if isinstance(each, Command) and each.graph is None:
            yield from targets_of(each.goto)


def _refuse(node: str, known: set[str] | None, targets: Sequence[str]) -> None:
    """Refuse a way that there is no more; `None`: the way itself is not gone any more."""
    lost = [each for each in targets if known is not None and each not in known]
    if lost:
        raise UserError(
            f"the record leads from {node!r} to {lost[0]!r}, which this graph does not have; give the graph that has "
            "it, or begin anew in another directory"
        )
