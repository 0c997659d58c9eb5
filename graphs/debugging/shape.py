"""The shape of a graph: its subgraphs, nodes, roles and fields, where nodes lead, and what its routers are.

Subgraphs are those that are nodes; an inner node is named by itself or as "outer/inner". Not covered: drawings.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from langgraph.graph import START
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from tutelage.agents import Role
from tutelage.graphs.debugging.view import Route
from tutelage.graphs.debugging.watching import App

__all__ = ["Shape", "graphs_in", "router_name", "targets_of"]

Led: TypeAlias = Mapping[tuple[tuple[str, ...], str], Sequence[str]]
"""Where routers led so far, by the nodes around them and the node that they follow."""


class Shape:
    """What can be said of a compiled graph without running it."""

    def __init__(self, app: App) -> None:
        """Look at a graph."""
        self.graphs = dict(graphs_in(app))
        """The graph itself, and its subgraphs, by the nodes that lead to them."""
        self.fields = frozenset(name for graph in self.graphs.values() for name in graph.builder.channels)
        self.nodes = frozenset(_node_names(self.graphs))
        self.paths = frozenset(each for each in self.nodes if "/" in each or each in app.nodes)
        """The nodes, inner ones only as "outer/inner"."""
        self.roles = frozenset(_role_names(self.graphs))

    def static_interrupts(self, name: str) -> list[str]:
        """The nodes at which the graph was compiled to stop: `interrupt_before_nodes` or `interrupt_after_nodes`."""
        named: list[str] = []
        for within, graph in self.graphs.items():
            found = getattr(graph, name, ()) or ()
            nodes = [each for each in (graph.nodes if found == "*" else found) if not each.startswith("__")]
            named += ["/".join((*within, each)) for each in nodes]
        return named

    def graph_of(self, within: Sequence[str]) -> App:
        """Give the graph inside these nodes."""
        return self.graphs[tuple(within)]

    def inside(self, within: Sequence[str]) -> frozenset[str]:
        """Give the nodes of the graph inside these nodes; none where there is no such graph."""
        graph = self.graphs.get(tuple(within))
        return frozenset() if graph is None else frozenset(graph.nodes)

    def leads_to(self, within: Sequence[str], node: str) -> set[str] | None:
        """Give what the conditional edges of a node may decide; `None` where it has none."""
        graph = self.graphs.get(tuple(within))
        branches = graph.builder.branches.get(node) if graph is not None else None
        if graph is None or not branches:
            return None
        return {"__end__", *graph.nodes, *(str(key) for each in branches.values() for key in each.ends or ())}

    def followers(self, within: Sequence[str], node: str) -> tuple[str, ...]:
        """Where plain edges lead from a node."""
        builder = self.graph_of(within).builder
        single = [end for start, end in builder.edges if start == node]
        joined = [end for starts, end in builder.waiting_edges if node in starts]
        order = {name: place for place, name in enumerate(builder.nodes)}
        return tuple(sorted({*single, *joined}, key=lambda end: order.get(end, len(order))))

    def edges(self, led: Led) -> dict[str, list[tuple[str, bool]]]:
        """Give where every node leads, in the order of the graph; `led`: where routers led so far."""
        return dict(self._edges((), led))

    def starts(self, led: Led) -> dict[str, list[tuple[str, bool]]]:
        """Give where the graph and its subgraphs begin, as `edges` does of their nodes."""
        return {"/".join((*within, START)): self._ways(within, START, led) for within in self.graphs}

    def _edges(self, within: tuple[str, ...], led: Led) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
        for name in self.graphs[within].builder.nodes:
            yield "/".join((*within, name)), self._ways(within, name, led)
            if (*within, name) in self.graphs:
                yield from self._edges((*within, name), led)

    def _ways(self, within: tuple[str, ...], name: str, led: Led) -> list[tuple[str, bool]]:
        """Where a node or the start of a graph leads, and whether a router decides."""
        builder = self.graphs[within].builder
        found = [(target, False) for target in self.followers(within, name)]
        for branch in builder.branches.get(name, {}).values():
            known = branch.ends.values() if branch.ends else led.get((within, name)) or ("?",)
            found += [(target, True) for target in known]
        if name != START:
            found += [(target, True) for target in builder.nodes[name].ends or ()]
        return list(dict.fromkeys(found))

    def route(
        self, visit: int, within: Sequence[str], node: str, decided: Sequence[Mapping[str, Any]]
    ) -> Route:
        """Tell why a graph went on as it did after a visit of a node.

        Args:
            visit: The visit's number.
            within: The nodes around it.
            node: The node.
            decided: Of every conditional edge after it, by name: its `router`, the `targets`, and what it has `read`.
        """
        if not decided:
            return Route(visit=visit, targets=self.followers(within, node))
        sources = [self.source_of(within, node, each["router"]) for each in decided]
        return Route(
            visit=visit,
            targets=tuple(target for each in decided for target in each["targets"]),
            routers=tuple(each["router"] for each in decided),
            read={name: value for each in decided for name, value in each["read"].items()},
            source="\n".join(inspect.cleandoc(each) for each in sources if each) or None,
        )

    def source_of(self, within: Sequence[str], node: str, router: str) -> str | None:
        """The source code of a conditional edge's function, where it is at hand."""
        for branch in self.graph_of(within).builder.branches.get(node, {}).values():
            if router_name(branch.path) == router:
                function = getattr(branch.path, "func", None) or getattr(branch.path, "afunc", None)
                try:
                    return inspect.getsource(function) if function is not None else None
                except (OSError, TypeError):
                    return None
        return None


def targets_of(decided: Any) -> list[str]:
    """The nodes that a conditional edge decided on: a name, a packet, or several."""
    found = decided if isinstance(decided, list | tuple) else [decided]
    return [each.node if isinstance(each, Send) else str(each) for each in found]


def router_name(router: Any) -> str:
    """The name of the function of a conditional edge."""
    function = getattr(router, "func", None) or getattr(router, "afunc", None) or router
    return str(getattr(function, "__name__", type(function).__name__))


def graphs_in(app: App, within: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    """Give a graph and the subgraphs that are nodes of it, with the nodes that lead to each."""
    yield within, app
    for name, node in app.nodes.items():
        inner = getattr(node.bound, "bound", node.bound)
        if isinstance(inner, CompiledStateGraph):
            yield from graphs_in(inner, (*within, name))


def _role_names(graphs: Mapping[tuple[str, ...], App]) -> Iterator[str]:
    """Give the roles of a graph's nodes; of a function it is the node's name, which its model calls have."""
    for graph in graphs.values():
        for name, node in graph.nodes.items():
            yield node.bound.name if isinstance(node.bound, Role) else name


def _node_names(graphs: Mapping[tuple[str, ...], App]) -> Iterator[str]:
    """Give the names of all nodes: inner ones by themselves and as "outer/inner"."""
    for within, graph in graphs.items():
        for name in graph.nodes:
            if not name.startswith("__"):
                yield name
                if within:
                    yield "/".join((*within, name))
