"""How far each way of going on goes."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from langgraph.graph import END, START, MessagesState, StateGraph

from tutelage.agents import scripted
from tutelage.graphs import Session, debug

At = Callable[[Session], str]
Walk = Callable[[Session], list[str]]


def test_a_session_opens_before_the_first_node(line: Any, at: At) -> None:
    with debug(line(one="1", two="2"), "p") as session:
        assert (at(session), session.status) == ("before one", "stopped")
        assert session.state == {"problem": "p", "log": []}


def test_step_goes_into_subgraphs_two_deep(nested: Any, walk: Walk) -> None:
    with debug(nested, "p") as session:
        assert walk(session) == [
            "before first",
            "after first",
            "before team",
            "before team/plan",
            "after team/plan",
            "before team/pair",
            "before team/pair/write",
            "after team/pair/write",
            "before team/pair/check",
            "after team/pair/check",
            "after team/pair",
            "after team",
            "before last",
            "after last",
        ]
        assert session.status == "done"


def test_step_stops_at_a_model_call_and_shows_what_is_about_to_be_sent(line: Any, at: At) -> None:
    model = scripted(["4"])

    async def solver(state: Any) -> dict[str, Any]:
        return {"said": (await model.ainvoke(state["problem"])).content}

    with debug(line(solver=solver), "2+2") as session:
        stop = session.step()
        assert stop is not None and stop.request is not None
        assert (at(session), stop.request.role) == ("prompt solver", "solver")
        assert stop.request.messages == ({"role": "user", "content": "2+2"},)
        session.step()
        assert (at(session), session.state["said"]) == ("after solver", "4")


def test_next_passes_over_a_subgraph(nested: Any, at: At) -> None:
    with debug(nested, "p") as session:
        session.next()
        assert at(session) == "before team"
        session.next()
        assert at(session) == "before last"
        session.next()
        assert at(session) == "done"


def test_next_inside_a_subgraph_stays_there_and_then_leaves_it(nested: Any, at: At) -> None:
    with debug(nested, "p") as session:
        session.until("write")
        session.next()
        assert at(session) == "before team/pair/check"
        session.next()
        assert at(session) == "before last"


def test_next_passes_over_model_calls(line: Any, at: At) -> None:
    model = scripted(["a", "b"])

    async def twice(state: Any) -> dict[str, Any]:
        return {"log": [str((await model.ainvoke("?")).content) for _ in range(2)]}

    with debug(line(twice=twice, last="last"), "p") as session:
        session.next()
        assert (at(session), session.state["log"]) == ("before last", ["a", "b"])


def test_out_leaves_one_subgraph_after_the_other(nested: Any, at: At) -> None:
    with debug(nested, "p") as session:
        session.until("write")
        session.out()
        assert at(session) == "after team/pair"
        session.out()
        assert at(session) == "after team"
        session.out()
        assert at(session) == "done"


def test_until_stops_once_before_a_node(nested: Any, at: At) -> None:
    with debug(nested, "p") as session:
        session.until("check")
        assert at(session) == "before team/pair/check"
        assert not session.breakpoints()


def test_up_and_down_choose_whose_state_is_looked_at(nested: Any) -> None:
    with debug(nested, "p") as session:
        session.until("check")
        assert [frame.node for frame in session.frames] == ["", "team", "pair"]
        assert session.state["log"] == ["first", "plan", "write"]
        assert session.up().node == "team"
        assert session.state["log"] == ["first", "plan"]
        assert session.up().node == ""
        assert session.state["log"] == ["first"]
        assert session.down().node == "team"
        assert session.frame.node == "team"
        session.step()
        assert session.frame.node == "pair"


def test_pause_holds_a_running_graph_at_the_next_event(line: Any, at: At) -> None:
    running = threading.Event()

    async def slow(state: Any) -> dict[str, Any]:
        running.set()
        await asyncio.sleep(0.1)
        return {"log": ["slow"]}

    with debug(line(one=slow, two="2", three="3"), "p") as session:

        def pause() -> None:
            running.wait()
            session.pause()

        thread = threading.Thread(target=pause)
        thread.start()
        stop = session.go()
        thread.join()
        assert stop is not None
        assert (at(session), stop.why) == ("after one", "pause")
        session.go()
        assert session.state["log"] == ["slow", "2", "3"]


def test_a_node_can_be_passed_many_times_in_a_loop(at: At) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(MessagesState)
    graph.add_node("turn", lambda state: {"messages": [("ai", str(len(state["messages"])))]})
    graph.add_edge(START, "turn")
    graph.add_conditional_edges("turn", lambda state: "turn" if len(state["messages"]) < 5 else END)
    with debug(graph, "p") as session:
        session.go()
        assert [visit.number for visit in session.visits()] == [1, 2, 3, 4]
        assert len({visit.key for visit in session.visits()}) == 4
