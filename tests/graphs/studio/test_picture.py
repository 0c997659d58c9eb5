from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from tutelage.agents import scripted
from tutelage.graphs import debug, self_refine
from tutelage.graphs.debugging.shape import Shape
from tutelage.graphs.studio.picture import of_graph
from tutelage.graphs.studio.session_view import session_view
from tutelage.types import Task

if TYPE_CHECKING:
    from tutelage.graphs.debugging import Session


class State(TypedDict):
    problem: str
    tries: int


def stay(state: State) -> dict[str, int]:
    return {"tries": state.get("tries", 0) + 1}


def route(state: State):  # type: ignore[no-untyped-def]
    return "check" if state["tries"] < 4 else END


def looping() -> "StateGraph[State]":
    graph = StateGraph(State)
    graph.add_node("try", stay)
    graph.add_node("check", stay)
    graph.add_edge(START, "try")
    graph.add_edge("check", "try")
    graph.add_conditional_edges("try", route)
    return graph


def drawn(graph: "StateGraph[Any]", **led: list[str]) -> set[tuple[str, str, bool]]:
    shape = Shape(graph.compile())
    ways: dict[tuple[tuple[str, ...], str], list[str]] = {
        ((), node): targets for node, targets in led.items()
    }
    picture = of_graph(shape, shape.edges(ways), shape.starts(ways))
    known = {node["id"] for node in picture["nodes"]}
    assert all({edge["source"], edge["target"]} <= known for edge in picture["edges"])
    return {(edge["source"], edge["target"], edge["conditional"]) for edge in picture["edges"]}


def test_a_router_that_does_not_say_where_it_leads_is_drawn_where_it_led() -> None:
    known = {(START, "try", False), ("check", "try", False)}
    assert drawn(looping()) == known
    assert drawn(looping(), **{"try": ["check"]}) == {*known, ("try", "check", True)}
    assert drawn(looping(), **{"try": ["check", END]}) >= {("try", "check", True), ("try", END, True)}


def shown(session: "Session") -> set[tuple[str, str, bool]]:
    from tutelage.graphs.console import Console, ConsoleSettings

    view = session_view(Console(session, ConsoleSettings(files=False)), "r", [], busy=False, error=None)
    return {(each["source"], each["target"], each["conditional"]) for each in view["graph"]["edges"]}


def test_a_loop_of_a_session_is_drawn_as_it_was_gone() -> None:
    with debug(looping(), Task(id="t", problem="?")) as session:
        session.run()
        edges = shown(session)
    assert {("try", "check", True), ("check", "try", False), ("try", END, True)} <= edges


def test_a_router_at_the_start_is_drawn_where_it_led() -> None:
    inner, outer = StateGraph(State), StateGraph(State)
    for graph in (inner, outer):
        graph.add_node("other", stay)
        graph.add_edge("other", END)
    inner.add_node("check", stay)
    inner.add_edge("check", END)
    inner.add_conditional_edges(START, lambda state: "check")
    outer.add_node("sub", inner.compile())
    outer.add_edge("sub", END)
    outer.add_conditional_edges(START, lambda state: "sub")
    assert not {edge for edge in drawn(outer) if edge[0] == START}
    with debug(outer, Task(id="t", problem="?")) as session:
        assert (START, "sub/__start__", True) in shown(session)
        session.run()
        assert (START, "sub/check", True) in shown(session)


def test_a_router_at_the_start_that_ends_the_graph_is_drawn_to_the_end() -> None:
    graph = StateGraph(State)
    graph.add_node("never", stay)
    graph.add_edge("never", END)
    graph.add_conditional_edges(START, lambda state: END)
    with debug(graph, Task(id="t", problem="?")) as session:
        assert (START, END, True) in shown(session)


def test_a_subgraph_is_drawn_by_its_nodes_and_what_leads_to_it_leads_into_it() -> None:
    inner, outer = StateGraph(State), StateGraph(State)
    inner.add_sequence([("a", stay), ("b", stay)])
    inner.add_edge(START, "a")
    inner.add_edge("b", END)
    outer.add_node("sub", inner.compile())
    outer.add_node("last", stay)
    outer.add_edge(START, "sub")
    outer.add_conditional_edges("sub", route, ["last", "sub"])
    assert drawn(outer) == {
        (START, "sub/a", False),
        ("sub/a", "sub/b", False),
        ("sub/b", "last", True),
        ("sub/b", "sub/a", True),
    }


def test_a_subgraph_of_several_beginnings_keeps_its_own_start() -> None:
    inner, outer = StateGraph(State), StateGraph(State)
    for name in "ab":
        inner.add_node(name, stay)
        inner.add_edge(START, name)
        inner.add_edge(name, END)
    outer.add_node("sub", inner.compile())
    outer.add_edge(START, "sub")
    outer.add_edge("sub", END)
    inside = {("sub/__start__", f"sub/{name}", False) for name in "ab"}
    assert drawn(outer) >= {(START, "sub/__start__", False), *inside, ("sub/__end__", END, False)}


def test_routers_that_say_where_they_lead_are_drawn_before_anything_ran() -> None:
    graph = self_refine(scripted(lambda messages, sample: "answer: 1"), 1)
    assert drawn(graph) == {
        (START, "solver", False),
        ("solver", "reviewer", False),
        ("reviewer", "refiner", True),
        ("reviewer", END, True),
        ("refiner", "reviewer", False),
    }
