"""Branches: where they part, what they share, and that their parents stay as they were."""

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import (
    Session,
    best_of_k,
    debug,
    majority_vote,
    one_shot,
    self_refine,
    tutoring,
    verifier_scorer,
)
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.types import Task

At = Callable[[Session], str]
TASK = Task(id="t", problem="q", reference="1")


def speaking() -> ChatModel:
    def answer(messages: Any, sample: int) -> str:
        prompt = messages[-1]["content"]
        if "Check every step" in prompt:
            return "verdict: wrong at step 1"
        return "think" if "Give one hint" in prompt else f"1*{sample}={sample}\nanswer: {sample}"

    return scripted(answer)


def finished(session: Session) -> Session:
    while session.stop is not None:
        session.go()
    return session


def said(state: Any) -> dict[str, Any]:
    """A state without what names turns and texts of one branch."""
    found = {name: value for name, value in state.items() if name not in ("lineage", "candidates")}
    texts = [(each["text"], each["answer"], each["orm"]) for each in state.get("candidates", ())]
    return {**found, "candidates": texts}


@pytest.mark.parametrize(
    "graph",
    [
        lambda: self_refine(speaking(), rounds=2),
        lambda: majority_vote(speaking(), 3, exact),
        lambda: tutoring(speaking(), exact, rounds=1),
        lambda: best_of_k(speaking(), 3, verifier_scorer(exact)),
    ],
    ids=["self_refine", "majority_vote", "tutoring", "best_of_k"],
)
def test_a_fork_without_changes_ends_as_its_parent_wherever_it_parts(graph: Any) -> None:
    with debug(graph(), TASK, verifier=exact) as session:
        finished(session)
        (main,) = session.branches()
        for visit in session.visits():
            sides = ("before", "after", "prompt") if visit.turns else ("before", "after")
            for side in sides:
                fork = session.fork(at=(visit.number, side))
                assert fork.stop is not None
                assert (fork.stop.when, fork.stop.visit.number) == (side, visit.number)
                finished(fork)
                assert said(fork.state) == said(session.state)
                (made,) = (each for each in session.branches() if each.name == fork.branch)
                assert (made.answer, made.passed, made.value) == (main.answer, main.passed, main.value)


def random_graph(shape: list[int], wide: int, deep: bool) -> Any:
    """A line of nodes that multiply and add, some as a subgraph, some side by side, one loop."""

    class State(TypedDict, total=False):
        problem: str
        round: int
        log: Annotated[list[int], operator.add]

    def node(number: int) -> Any:
        return lambda state: {"log": [sum(state["log"]) * number + number]}

    def chain(numbers: list[int]) -> StateGraph[Any, Any, Any, Any]:
        graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
        before = START
        for at, number in enumerate(numbers):
            graph.add_node(f"n{at}", node(number))
            graph.add_edge(before, f"n{at}")
            before = f"n{at}"
        return graph

    graph = chain(shape)
    if deep:
        graph.add_node("team", chain(shape[:2]).compile())
    last = f"n{len(shape) - 1}"
    for at in range(wide):
        graph.add_node(f"w{at}", node(at))
        graph.add_edge(last, f"w{at}")
        graph.add_edge(f"w{at}", "join")
    graph.add_node("join", lambda state: {"round": state.get("round", 0) + 1})
    if deep:
        graph.add_edge(last, "team")
        graph.add_edge("team", "join")
    if not wide and not deep:
        graph.add_edge(last, "join")
    graph.add_conditional_edges("join", lambda state: "n0" if state["round"] < 2 else END, ["n0", END])
    return graph


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.integers(0, 3),
    st.booleans(),
    st.data(),
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_fork_from_any_point_of_any_graph_ends_as_its_parent(
    shape: list[int], wide: int, deep: bool, data: Any
) -> None:
    graph = random_graph(shape, wide, deep).compile()
    wanted = graph.invoke({"problem": "p", "log": []})
    with debug(graph, "p") as session:
        assert finished(session).state == wanted
        visits = [each.number for each in session.visits()]
        number = data.draw(st.sampled_from(visits))
        fork = session.fork(at=(number, data.draw(st.sampled_from(["before", "after"]))))
        if data.draw(st.booleans()):
            fork = fork.fork()
        assert finished(fork).state == wanted
        assert [(each.number, each.key) for each in fork.visits()][:number] == [
            (each.number, each.key) for each in session.visits()
        ][:number]


def test_nothing_that_a_fork_shares_with_its_parent_runs_again(line: Any) -> None:
    ran: list[str] = []

    def note(name: str) -> Any:
        def node(state: Any) -> dict[str, Any]:
            ran.append(name)
            return {"log": [name]}

        return node

    with debug(line(a=note("a"), b=note("b"), c=note("c")), "p") as session:
        session.go()
        fork = session.fork(at=3)
        assert ran == ["a", "b", "c"]
        fork.go()
        assert ran == ["a", "b", "c", "c"]
        assert [visit.branch for visit in fork.visits()] == ["main", "main", "fork-1"]


def test_a_fork_in_the_middle_of_a_node_shares_the_answers_so_far(line: Any, at: At) -> None:
    asked: list[str] = []

    def answer(messages: Any, sample: int) -> str:
        asked.append(messages[-1]["content"])
        return "ok"

    model = scripted(answer)

    async def both(state: Any) -> dict[str, Any]:
        return {"log": [str((await model.ainvoke(each)).content) for each in ("one", "two")]}

    with debug(line(both=both), "p") as session:
        session.step()
        session.step()
        assert (at(session), asked) == ("prompt both", ["one"])
        fork = session.fork()
        assert (at(fork), asked) == ("prompt both", ["one"])
        fork.say("mine")
        fork.go()
        session.go()
        assert (fork.state["log"], session.state["log"]) == (["ok", "mine"], ["ok", "ok"])
        assert asked == ["one", "two"]
        assert [turn.completion for turn in session.run_record.turns(fork.rollout_id)] == ["mine"]


def test_changes_are_made_where_the_fork_parts(line: Any) -> None:
    def double(state: Any) -> dict[str, Any]:
        return {"count": state["count"] * 2}

    with debug(line(one=lambda state: {"count": 1}, two=double, three=double), "p") as session:
        session.go()
        before = session.fork({"count": 10}, at=2, name="before")
        after = session.fork({"count": 10}, at=(2, "after"), name="after")
        assert (before.state["count"], after.state["count"]) == (10, 10)
        before.go()
        after.go()
        assert (before.state["count"], after.state["count"], session.state["count"]) == (40, 20, 4)
        edits = {each.name: each.edits for each in session.branches()}
        assert edits == {"main": 0, "before": 1, "after": 1}


def test_a_fork_takes_the_edits_before_it_along_and_not_those_after(line: Any) -> None:
    with debug(line(one="1", two="2", three="3"), "p") as session:
        session.step()
        session.set("said", "early")
        session.until("three")
        session.set("said", "late")
        fork = session.fork(at=3)
        assert (fork.state["said"], session.state["said"]) == ("early", "late")
        here = session.fork()
        assert here.state["said"] == "late"
        fork.go()
        assert fork.state == {"problem": "p", "said": "early", "log": ["1", "2", "3"]}


def test_a_fork_of_a_fork_and_the_tree_of_branches(nested: Any) -> None:
    with debug(nested, "p") as session:
        session.until("check")
        one = session.fork({"log": ["one"]}, name="one")
        two = one.fork({"log": ["two"]}, name="two")
        finished(two)
        finished(one)
        finished(session)
        assert two.state["log"] == ["first", "first", "plan", "two", "check", "last"]
        assert one.state["log"] == ["first", "first", "plan", "one", "check", "last"]
        tree = [(each.name, each.parent, each.at, each.kind, each.status) for each in session.branches()]
        assert tree == [
            ("main", None, None, "main", "done"),
            ("one", "main", 6, "fork", "done"),
            ("two", "one", 6, "fork", "done"),
        ]


def test_a_fork_of_a_fork_from_before_where_they_parted(line: Any, at: At) -> None:
    with debug(line(one="1", two="2", three="3"), "p") as session:
        session.until("two")
        session.set("said", "main")
        fork = session.fork(name="fork")
        fork.step()
        fork.set("said", "fork")
        early = fork.fork(at=1, name="early")
        assert (at(early), early.state) == ("before one", {"problem": "p", "log": []})
        finished(early)
        assert early.state == {"problem": "p", "log": ["1", "2", "3"]}
        assert [visit.branch for visit in early.visits()] == ["early"] * 3
        after = fork.fork(at=(1, "after"), name="after")
        assert finished(after).state == {"problem": "p", "log": ["1", "2", "3"]}


def test_branches_are_named_switched_to_and_dropped(line: Any, at: At) -> None:
    with debug(line(one="1", two="2"), "p") as session:
        fork = session.fork(name="try")
        fork.step()
        fork.rename("better")
        assert fork.branch == "better"
        with pytest.raises(UserError, match="no branch 'try'"):
            session.switch("try")
        assert at(session.switch("better")) == "after one"
        session.drop("better")
        (made,) = (each for each in session.branches() if each.name == "better")
        assert made.dropped
        assert session.run_record.rollout(made.rollout_id).status == "abandoned"
        session.go()
        assert session.status == "done"
        assert session.fork(at=1).branch == "fork-1"


def test_what_was_dropped_goes_on_no_more(line: Any) -> None:
    with debug(line(one="1", two="2"), "p") as session:
        fork = session.fork(name="gone")
        session.drop("gone")
        with pytest.raises(UserError, match="dropped"):
            fork.go()
        with pytest.raises(UserError, match="dropped"):
            session.drop("gone")


def test_a_dropped_branch_whose_fork_goes_on_stays_its_parent(line: Any) -> None:
    with debug(line(one="1", two="2", three="3"), "p") as session:
        parent = session.fork(name="parent")
        parent.step()
        parent.set("said", "x")
        child = parent.fork(name="child")
        child.drop("parent")
        child.go()
        assert child.state == {"problem": "p", "said": "x", "log": ["1", "2", "3"]}


def test_all_branches_are_there_when_a_session_is_opened_again(nested: Any, at: At, tmp_path: Path) -> None:
    with debug(nested, "p", store=tmp_path) as session:
        session.until("write")
        session.fork({"log": ["x"]}, name="one").step()
        finished(session.fork(name="two"))
        session.rename("trunk")
        known = session.branches()
    with debug(nested, store=tmp_path) as session:
        assert session.branches() == known
        assert at(session.switch("one")) == "after team/pair/write"
        assert session.switch("two").state["log"][-1] == "last"
        finished(session.switch("one").fork(name="three"))
        finished(session.switch("trunk"))
        assert {each.name: each.status for each in session.branches()} == {
            "trunk": "done",
            "one": "stopped",
            "two": "done",
            "three": "done",
        }


def test_a_fork_may_go_back_beyond_where_its_parent_left(line: Any, at: Any) -> None:
    with debug(line(one="1", two="2", three="3"), "p") as session:
        session.until("three")
        one = session.fork(name="one")
        two = one.fork(at=2, name="two")
        assert (at(two), [visit.number for visit in two.visits()]) == ("before two", [1, 2])
        two.go()
        assert two.state["log"] == ["1", "2", "3"]


def test_branches_taught_both_ways_are_taught_as_was_said_last() -> None:
    with debug(one_shot(scripted(["a", "b"])), "p") as session:
        fork = session.fork(name="other")
        session.go()
        fork.go()
        session.teach("other")
        fork.teach("main")
        (row,) = session.run_record.export("dpo", taught=True)
        first = session.run_record.turn(session.turn_id())
        assert row["chosen"][0]["content"] == first.completion


@pytest.mark.parametrize("side", ["prompt", "after"])
def test_many_runs_from_one_point_read_what_they_share_once(
    monkeypatch: pytest.MonkeyPatch, line: Any, side: str
) -> None:
    model, read = scripted(lambda messages, sample: "said"), []
    whole = Run.calls

    def calls(run: Run, rollout_id: str) -> Any:
        read.append(rollout_id)
        return whole(run, rollout_id)

    async def ask(state: Any) -> dict[str, Any]:
        return {"log": [str((await model.ainvoke("?")).content)]}

    with debug(line(one=ask, two=ask, three=ask), "p") as session:
        session.go()
        monkeypatch.setattr(Run, "calls", calls)
        spread = session.resample(6, at=(2, side))
        assert read.count(session.rollout_id) == 1
        assert (spread.n, spread.failed) == (6, 0)
        fork = session.fork(at=(3, "after"))
        assert read.count(session.rollout_id) == 2
        assert fork.visits()[2].turns == session.visits()[2].turns
