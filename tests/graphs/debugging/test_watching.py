"""The watched copy of a graph does what the original does."""

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send

from tutelage.graphs import debug
from tutelage.graphs.debugging.watching import watched


class State(TypedDict, total=False):
    problem: str
    turn: int
    log: Annotated[list[str], operator.add]


def loop(limit: int, wide: int) -> StateGraph[Any, Any, Any, Any]:
    """A loop with commands, packets, routers and a subgraph."""
    team: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    team.add_node("inner", lambda state: {"log": [f"inner {state['turn']}"]})
    team.add_edge(START, "inner")
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    graph.add_node("plan", lambda state: {"turn": state.get("turn", 0) + 1})
    graph.add_node("work", lambda packet: {"log": [f"work {packet['turn']}"]})
    graph.add_node("team", lambda state: {"log": team.compile().invoke(state)["log"][-1:]})
    graph.add_node("choose", lambda state: Command(goto="plan" if state["turn"] < limit else END))
    graph.add_edge(START, "plan")
    graph.add_conditional_edges(
        "plan",
        lambda state: ["team", *(Send("work", {"turn": state["turn"] * 10 + each}) for each in range(wide))],
        ["team", "work"],
    )
    graph.add_edge("work", "choose")
    graph.add_edge("team", "choose")
    return graph


@given(st.integers(1, 4), st.integers(0, 4))
@settings(max_examples=15, deadline=None)
def test_a_debugged_graph_ends_as_the_graph_itself(limit: int, wide: int) -> None:
    app = loop(limit, wide).compile()
    wanted = app.invoke({"problem": "p", "log": []})
    with debug(app, "p") as session:
        session.go()
        assert session.state == wanted


def test_without_a_watcher_a_watched_graph_is_like_any_other(line: Any) -> None:
    inner = line(a="a", b="b").compile()
    app = line(one="1", team=inner).compile()
    copy = watched(app)
    assert copy.invoke({"problem": "p"}) == app.invoke({"problem": "p"})
    assert [*copy.stream({"problem": "p"})] == [*app.stream({"problem": "p"})]
    assert copy.get_graph(xray=True).draw_mermaid() == app.get_graph(xray=True).draw_mermaid()


async def test_without_a_watcher_it_streams_like_any_other(line: Any) -> None:
    app = line(one="1", two="2").compile()
    copy = watched(app)
    for mode in ("values", "updates", "tasks"):
        said = [
            [each async for each in graph.astream({"problem": "p"}, stream_mode=mode)]
            for graph in (app, copy)
        ]
        if mode != "tasks":
            assert said[0] == said[1]
        assert len(said[0]) == len(said[1])


def routers() -> dict[str, Callable[[Any], Any]]:
    async def late(state: Any) -> str:
        return "low"

    return {
        "index": lambda state: "low" if state["turn"] == 1 else END,
        "get": lambda state: "low" if state.get("turn") else END,
        "in": lambda state: "low" if "turn" in state else END,
        "all": lambda state: "low" if dict(state.items())["turn"] else END,
        "spread": lambda state: "low" if {**state}["turn"] else END,
        "copy": lambda state: "low" if state.copy()["turn"] else END,
        "flag": lambda state: True,
        "many": lambda state: ["low"],
        "async": late,
    }


def test_routers_read_the_state_as_they_like() -> None:
    for name, router in routers().items():
        graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
        graph.add_node("one", lambda state: {"turn": 1})
        graph.add_node("low", lambda state: {"log": ["low"]})
        graph.add_edge(START, "one")
        graph.add_conditional_edges("one", router, {True: "low", "low": "low", END: END})
        with debug(graph, "p") as session:
            session.go()
            assert (name, session.status, session.state["log"]) == (name, "done", ["low"])
