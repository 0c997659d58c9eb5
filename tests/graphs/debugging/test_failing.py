"""Nodes that raise: held there, mended there, run again, or let go; and never shown as done."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy

from tutelage.agents import scripted
from tutelage.graphs import Session, debug

At = Callable[[Session], str]
Ran = list[str]


def broken(state: Any) -> Any:
    raise ValueError("boom")


def flaky(ran: Ran, failures: int = 1) -> Any:
    """Fails some times, then works."""

    def node(state: Any) -> dict[str, Any]:
        ran.append("flaky")
        if len(ran) <= failures:
            raise ConnectionError(f"try {len(ran)}")
        return {"said": f"try {len(ran)}"}

    return node


def test_let_go_it_fails_and_says_why(line: Any) -> None:
    with debug(line(one="1", broken=broken, last="last"), "p") as session:
        session.go()
        session.go()
        assert session.status == "failed"
        assert session.error is not None and "ValueError: boom" in session.error
        assert [visit.status for visit in session.visits()] == ["done", "failed"]
        rollout = session.run_record.rollout(session.rollout_id)
        assert rollout.status == "failed"
        assert rollout.error is not None and "boom" in rollout.error


def test_run_again_it_may_work(line: Any, at: At) -> None:
    ran: Ran = []
    with debug(line(flaky=flaky(ran, 2)), "p") as session:
        session.go()
        stop = session.retry()
        assert stop is not None
        assert (at(session), stop.error) == ("error flaky", "ConnectionError: try 2")
        session.retry()
        assert at(session) == "after flaky"
        session.go()
        assert (session.status, session.state["said"]) == ("done", "try 3")


def test_what_is_set_stands_for_what_the_node_should_have_given(line: Any) -> None:
    with debug(line(broken=broken, last="last"), "p") as session:
        session.go()
        session.set("said", "mended")
        session.set("log", ["mended"])
        session.go()
        assert session.state == {"problem": "p", "said": "mended", "log": ["mended", "last"]}
        assert session.visits()[0].edited


def test_inside_a_subgraph_it_holds_once_at_the_node_itself(line: Any, at: At) -> None:
    team = line(broken=broken).compile()
    with debug(line(team=team), "p") as session:
        session.go()
        assert at(session) == "error team/broken"
        session.go()
        assert at(session) == "failed"


def test_an_engine_that_fails_is_an_error_of_its_node(line: Any, at: At) -> None:
    def dead(messages: Any, sample: int) -> str:
        raise RuntimeError("engine died")

    model = scripted(dead)

    async def solver(state: Any) -> dict[str, Any]:
        return {"said": str((await model.ainvoke("?")).content)}

    with debug(line(solver=solver), "p") as session:
        session.go()
        assert at(session) == "error solver"
        (turn,) = session.run_record.turns()
        assert turn.error is not None and "engine died" in turn.error


def test_a_retry_policy_is_followed_after_every_stop(line: Any, at: At) -> None:
    ran: Ran = []
    graph: Any = line(last="last")
    graph.add_node("flaky", flaky(ran), retry_policy=RetryPolicy(initial_interval=0.01, jitter=False))
    graph.add_edge("last", "flaky")
    with debug(graph, "p") as session:
        session.go()
        assert at(session) == "error flaky"
        session.go()
        assert (session.status, session.state["said"]) == ("done", "try 2")
        assert [(visit.node, visit.status) for visit in session.visits()] == [
            ("last", "done"),
            ("flaky", "failed"),
            ("flaky", "done"),
        ]


def handled(ran: Ran, Words: Any) -> StateGraph[Any, Any, Any, Any]:
    def handler(state: Any, error: NodeError) -> Any:
        return Command(update={"said": f"handled {error.error}"}, goto="last")

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node("flaky", flaky(ran, 99), error_handler=handler)
    graph.add_node("last", lambda state: {"log": ["last"]})
    graph.add_edge(START, "flaky")
    return graph


def test_an_error_handler_is_followed_after_the_stop(Words: Any, at: At) -> None:
    with debug(handled([], Words), "p") as session:
        session.go()
        assert at(session) == "error flaky"
        session.go()
        assert (session.status, session.state["said"]) == ("done", "handled try 1")


def test_a_failed_try_is_not_run_again_when_the_session_is_opened_again(
    line: Any, Words: Any, at: At, tmp_path: Path
) -> None:
    for number, policy in enumerate(("retry", "handler")):
        ran: Ran = []
        if policy == "retry":
            graph: Any = line()
            graph.add_node("flaky", flaky(ran), retry_policy=RetryPolicy(initial_interval=0.01, jitter=False))
            graph.add_node("last", lambda state: {"log": ["last"]})
            graph.add_edge(START, "flaky")
            graph.add_edge("flaky", "last")
        else:
            graph = handled(ran, Words)
        with debug(graph, "p", store=tmp_path / str(number)) as session:
            session.go()
            session.until("last")
            state, tries = session.state, len(ran)
        with debug(graph, store=tmp_path / str(number)) as session:
            assert (at(session), session.state, len(ran)) == ("before last", state, tries)
            session.go()
            assert (session.status, len(ran)) == ("done", tries)


def test_opened_again_at_an_error_it_stands_there_and_ran_nothing(line: Any, at: At, tmp_path: Path) -> None:
    ran: Ran = []
    graph = line(one="1", flaky=flaky(ran), last="last")
    with debug(graph, "p", store=tmp_path) as session:
        session.go()
    with debug(graph, store=tmp_path) as session:
        assert session.stop is not None
        assert (at(session), session.stop.error, len(ran)) == ("error flaky", "ConnectionError: try 1", 1)
        session.retry()
        assert (at(session), len(ran)) == ("after flaky", 2)


def test_a_fork_before_what_failed_runs_it_again(line: Any, at: At) -> None:
    ran: Ran = []
    with debug(line(flaky=flaky(ran)), "p") as session:
        session.go()
        session.go()
        assert session.status == "failed"
        fork = session.fork(at=1)
        fork.go()
        assert (fork.status, fork.state["said"]) == ("done", "try 2")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_node_that_wants_to_end_the_process_ends_its_branch_only(
    line: Any, error: BaseException, kind: str
) -> None:
    def leave(state: Any) -> Any:
        raise error

    async def aleave(state: Any) -> Any:
        raise error

    with debug(line(leave=leave if kind == "sync" else aleave), "p") as session:
        while session.stop is not None:
            session.go()
        assert session.status == "failed"
        assert session.error is not None and type(error).__name__ in session.error


def test_a_router_that_raises_fails_the_branch_and_the_node_can_be_mended(Words: Any, at: At) -> None:
    def lost(state: Any) -> str:
        if state.get("said") != "found":
            raise LookupError("lost")
        return END

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    graph.add_node("one", lambda state: {"log": ["1"]})
    graph.add_edge(START, "one")
    graph.add_conditional_edges("one", lost, [END])
    with debug(graph, "p") as session:
        while session.stop is not None:
            session.go()
        assert session.status == "failed"
        assert session.error is not None and "lost" in session.error
        fork = session.fork({"said": "found"}, at=(1, "after"))
        fork.go()
        assert fork.status == "done"


def test_a_node_that_gives_nonsense_fails_with_langgraphs_words(line: Any) -> None:
    with debug(line(one=lambda state: "nonsense"), "p") as session:
        while session.stop is not None:
            session.go()
        assert session.status == "failed"
        assert session.error is not None and "nonsense" in session.error


def endless(Words: Any, ran: Ran, ends: int = 99, limit: int = 5) -> Any:
    """`one` again and again, with a neighbour; it ends by itself at some round."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)

    def one(state: Any) -> dict[str, Any]:
        ran.append("one")
        return {"log": ["1"], "count": state.get("count", 0) + 1}

    graph.add_node("one", one)
    graph.add_node("beside", lambda state: {"log": ["beside"]})
    graph.add_edge(START, "one")
    graph.add_conditional_edges("one", lambda state: END if state["count"] >= ends else ["one", "beside"])
    return graph.compile().with_config(recursion_limit=limit)


def test_at_the_graphs_limit_of_steps_it_holds_with_all_that_was_done_and_fails_when_let_go(
    Words: Any, at: At
) -> None:
    with debug(endless(Words, []), "p") as session:
        session.go()
        assert at(session) == "error one"
        assert session.stop is not None and session.stop.error is not None
        assert session.stop.error.startswith("GraphRecursionError: the graph has taken 5 steps")
        assert session.stop.visit.step == 5
        state = session.state
        assert (state["count"], state["log"].count("1"), state["log"].count("beside")) == (5, 5, 4)
        session.go()
        assert session.status == "failed"
        assert session.error is not None and "GraphRecursionError" in session.error
        assert session.run_record.rollout(session.rollout_id).status == "failed"
        again = session.fork(at=(session.visits()[-2].number, "after"))
        again.go()
        assert at(again) == "error one"


def test_more_steps_go_on_from_there_and_run_nothing_again(Words: Any, at: At, tmp_path: Path) -> None:
    ran: Ran = []
    graph = endless(Words, ran, ends=8)
    with debug(graph, "p", store=tmp_path) as session:
        session.go()
        state = session.state
    with debug(graph, store=tmp_path) as session:
        assert (at(session), session.state, len(ran)) == ("error one", state, 5)
        session.retry()
        assert (at(session)[:7], len(ran)) == ("before ", 5)
    with debug(graph, store=tmp_path) as session:
        assert (at(session)[:7], len(ran)) == ("before ", 5)
        session.go()
        assert (session.status, session.state["count"], len(ran)) == ("done", 8, 8)
        assert len({visit.key for visit in session.visits()}) == 8 + 7


def test_a_limit_that_a_person_raised_is_the_forks_too(Words: Any, at: At) -> None:
    ran: Ran = []
    with debug(endless(Words, ran, ends=8), "p") as session:
        session.go()
        held = session.fork({"count": 20})
        assert (at(held), held.state["count"], len(ran)) == ("error one", 20, 5)
        held.retry()
        held.go()
        assert (held.status, held.state["count"], len(ran)) == ("done", 21, 6)
        session.retry()
        session.go()
        fork = session.fork({"count": -5}, at=(session.visits()[-1].number, "after"))
        fork.go()
        assert at(fork) == "error one"
        assert fork.stop is not None and "has taken 10 steps" in (fork.stop.error or "")


@pytest.mark.parametrize("kept", [False, True])
def test_a_subgraph_at_its_limit_goes_on_from_there(
    line: Any, Words: Any, at: At, tmp_path: Path, kept: bool
) -> None:
    ran: Ran = []
    graph = line(team=endless(Words, ran, ends=8), last="last").compile().with_config(recursion_limit=5)
    session = debug(graph, "p", store=tmp_path)
    session.go()
    assert at(session) == "error team"
    assert session.stop is not None and "the graph inside 'team' has taken 5 steps" in str(session.stop.error)
    if kept:
        session.close()
        session = debug(graph, store=tmp_path)
        assert (at(session), len(ran)) == ("error team", 5)
    session.retry()
    assert (at(session).startswith("before team/"), len(ran)) == (True, 5)
    session.close()
    with debug(graph, store=tmp_path) as session:
        session.go()
        assert (session.status, session.state["count"], len(ran)) == ("done", 8, 8)
        assert session.state["log"][-1] == "last"


def test_runs_that_nobody_looks_at_fail_at_the_limit(Words: Any) -> None:
    with debug(endless(Words, []), "p") as session:
        assert session.resample(2).failed == 2
