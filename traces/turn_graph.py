"""A rollout as a graph of turns, and its branches: the paths from a first turn to a last one.

A turn with several parents (a refinement of a solution under a review) belongs to the branches of each, so that
there may be very many: they are given one by one. Not covered: what of a branch is one token sequence
(`tutelage.traces.export`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tutelage.traces.record import Turn

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = ["branches_of", "graph_of"]


def graph_of(turns: Sequence[Turn]) -> "DiGraph[str]":
    """Make the graph; parents that are not among the turns are left out."""
    from networkx import DiGraph

    graph: DiGraph[str] = DiGraph()
    for turn in turns:
        graph.add_node(turn.id, turn=turn)
    graph.add_edges_from(
        (parent, turn.id) for turn in turns for parent in turn.parents if graph.has_node(parent)
    )
    return graph


def branches_of(turns: Sequence[Turn]) -> Iterator[tuple[Turn, ...]]:
    """Give all branches, in the order in which their last turns were recorded."""
    known = {turn.id: turn for turn in turns}
    inner = {parent for turn in turns for parent in turn.parents}
    for turn in turns:
        if turn.id not in inner:
            yield from _paths(turn, known)


def _paths(leaf: Turn, known: Mapping[str, Turn]) -> Iterator[tuple[Turn, ...]]:
    """All paths that end with a turn; a damaged record's cycles are cut."""
    waiting: list[tuple[Turn, ...]] = [(leaf,)]
    while waiting:
        path = waiting.pop()
        before = {turn.id for turn in path}
        parents = [known[each] for each in path[0].parents if each in known and each not in before]
        if not parents:
            yield path
        waiting += [(parent, *path) for parent in reversed(parents)]
