"""The picture of a graph: nodes and edges, and how often each was gone along.

Of a compiled graph by its shape, inner nodes as "outer/inner"; of a recorded run from its settings. Where a router does
not say to where it may lead, its targets are those that were seen. Steps between model calls of two nodes count for
every edge on the shortest way between them, since nodes that ask no model leave no turn. Not covered: where on the page
things stand.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tutelage.graphs.debugging.shape import Shape

__all__ = ["END", "START", "of_graph", "of_record", "with_counts"]

START, END = "__start__", "__end__"
KINDS = {START: "start", END: "end"}

UNKNOWN = "?"
"""Where a router leads that has led nowhere yet."""

Way: TypeAlias = tuple[str, str]
Ways: TypeAlias = Mapping[str, Sequence[tuple[str, bool]]]
Step: TypeAlias = tuple[str | None, str | None, int]
Picture: TypeAlias = dict[str, list[dict[str, Any]]]


def of_graph(shape: "Shape", edges: Ways, starts: Ways) -> Picture:
    """Draw a compiled graph.

    Args:
        shape: The graph.
        edges: Where every node leads, and whether a router decides, as `Shape.edges` gives it.
        starts: The same of the starts of graphs, as `Shape.starts` gives it.
    """
    graphs = {"/".join(within) for within in shape.graphs}
    ways: dict[Way, bool] = {}
    for source, targets in {**starts, **edges}.items():
        for target, routed in targets:
            if target == UNKNOWN:
                continue
            goal = _inside(source.rpartition("/")[0], target)
            way = (
                _inside(source, END) if source in graphs else source,
                _inside(goal, START) if goal in graphs else goal,
            )
            ways[way] = routed and ways.get(way, True)
    marks = [_inside("/".join(within), mark) for within in shape.graphs if within for mark in (START, END)]
    for mark in marks:
        _join(ways, mark)
    ends = {end for way in ways for end in way}
    nodes = [_node(name) for name in (START, *edges, *(mark for mark in marks if mark in ends), END)]
    for node in nodes:
        node["kind"] = "subgraph" if node["id"] in graphs else node["kind"]
    return {"nodes": nodes, "edges": [_drawn(way, routed) for way, routed in ways.items()]}


def _inside(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _join(ways: dict[Way, bool], mark: str) -> None:
    """Leave out the start or end of a subgraph where but one edge leads from it, or to it."""
    come, go = ([way for way in ways if way[at] == mark] for at in (1, 0))
    if (len(go) if mark.endswith(START) else len(come)) != 1:
        return
    for before in come:
        for after in go:
            ways[before[0], after[1]] = ways[before] or ways[after]
    for way in (*come, *go):
        del ways[way]


def of_record(settings: Mapping[str, Any], steps: Sequence[Step]) -> Picture:
    """Draw what a run's settings and its turns tell of its graph."""
    told = settings.get("graph")
    graph = told if isinstance(told, dict) else {}
    named = [str(name) for name in graph.get("nodes") or ()]
    fixed = [edge for text in graph.get("edges") or () if (edge := _edge(str(text))) is not None]
    routers = {str(name).partition(":")[0] for name in graph.get("branches") or ()}
    seen = [(before or START, after or END) for before, after, _ in steps]
    names = dict.fromkeys([*named, *(name for edge in (*fixed, *seen) for name in edge)])
    ways = dict.fromkeys(fixed)
    for before, after in seen:
        if _way(ways, before, after) is None:
            ways[_routed(ways, routers, before), after] = None
    order = [START, *(name for name in names if name not in KINDS), END]
    edges = [_drawn(way, way not in fixed) for way in ways]
    return with_counts({"nodes": [_node(name) for name in order], "edges": edges}, steps)


def with_counts(picture: Picture, steps: Iterable[Step]) -> Picture:
    """Count the steps of a record along the edges of a picture, and the visits of its nodes."""
    ways = {(edge["source"], edge["target"]): edge for edge in picture["edges"]}
    counts: dict[str, int] = {}
    names = [node["id"] for node in picture["nodes"]]
    for before, after, times in steps:
        source, target = (_full(names, before) or START, _full(names, after) or END)
        counts[target] = counts.get(target, 0) + times
        for edge in _way(dict.fromkeys(ways), source, target) or ():
            ways[edge]["count"] += times
    for node in picture["nodes"]:
        node["count"] = counts.get(node["id"], 0)
    return picture


def _full(names: Sequence[str], name: str | None) -> str | None:
    """The name in the picture of a node that a turn names: itself, or an inner one."""
    if name is None or name in names:
        return name
    return next((each for each in names if each.rpartition("/")[2] == name), name)


def _way(ways: Mapping[tuple[str, str], Any], source: str, target: str) -> list[tuple[str, str]] | None:
    """The shortest way from one node to another, as edges; `None` where there is none."""
    after: dict[str, list[str]] = {}
    for before, following in ways:
        after.setdefault(before, []).append(following)
    came: dict[str, tuple[str, str]] = {}
    waiting = deque([source])
    while waiting:
        at = waiting.popleft()
        for following in after.get(at, ()):
            if following not in came:
                came[following] = (at, following)
                waiting.append(following)
        if target in came:
            way = [came[target]]
            while way[0][0] != source:
                way.insert(0, came[way[0][0]])
            return way
    return None


def _routed(ways: Mapping[tuple[str, str], Any], routers: set[str], before: str) -> str:
    """The node whose router led on: the first with one that plain edges lead to from here, else this one."""
    at, seen = before, {before}
    while at not in routers:
        following = [target for source, target in ways if source == at and target not in seen]
        if len(following) != 1:
            return before
        at = following[0]
        seen.add(at)
    return at


def _edge(text: str) -> tuple[str, str] | None:
    before, arrow, after = text.partition(" -> ")
    return (before, after) if arrow else None


def _drawn(way: Way, routed: bool) -> dict[str, Any]:
    return {"source": way[0], "target": way[1], "conditional": routed, "count": 0}


def _node(name: str) -> dict[str, Any]:
    parent, _, label = name.rpartition("/")
    return {
        "id": name,
        "label": label,
        "kind": KINDS.get(label, "node"),
        "parent": parent or None,
        "count": 0,
    }
