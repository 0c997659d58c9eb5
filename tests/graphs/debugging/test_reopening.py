"""Closed and opened again: the same stop, the same changes, and nothing executed twice."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.messages import RemoveMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import Session, debug, self_refine
from tutelage.tools import exact
from tutelage.types import Task

At = Callable[[Session], str]
TASK = Task(id="t", problem="What is 2+3?", reference="5")


def refiner(asked: list[str]) -> ChatModel:
    def answer(messages: Any, sample: int) -> str:
        asked.append(messages[-1]["content"])
        return "verdict: wrong at step 1" if "Check every step" in asked[-1] else "2+3=5\nanswer: 5"

    return scripted(answer)


def test_at_every_event_of_a_loop_the_same_stop_comes_back_and_no_model_is_asked_again(
    tmp_path: Path, at: At
) -> None:
    asked: list[str] = []
    graph = self_refine(refiner(asked), rounds=1)
    places = []
    session: Session | None = debug(graph, TASK, verifier=exact, store=tmp_path)
    while session is not None:
        place, state, visits = at(session), session.state, session.visits()
        session.close()
        session = debug(graph, store=tmp_path, verifier=exact)
        assert (at(session), session.state) == (place, state)
        assert [(each.key, each.status) for each in session.visits()] == [
            (each.key, each.status) for each in visits
        ]
        places.append(place)
        if session.stop is None:
            session.close()
            break
        session.step()
    assert places[-1] == "done"
    assert len(places) == 4 * 3 + 1
    assert len(asked) == 4
    with debug(graph, store=tmp_path, verifier=exact) as session:
        assert len(session.run_record.turns()) == 4
        assert len(session.run_record.scores(subject="rollout")) == 1
        (branch,) = session.branches()
        assert (branch.status, branch.passed) == ("done", True)


def test_every_event_of_nested_subgraphs_comes_back(nested: Any, tmp_path: Path, at: At) -> None:
    places = []
    session = debug(nested, "p", store=tmp_path)
    while session.stop is not None:
        place, state, frames = at(session), session.state, session.frames
        session.close()
        session = debug(nested, store=tmp_path)
        assert (at(session), session.state, session.frames) == (place, state, frames)
        places.append(place)
        session.step()
    assert len(places) == 14
    session.close()


def test_edits_of_every_kind_come_back(line: Any, tmp_path: Path, at: At) -> None:
    model = scripted(lambda messages, sample: f"<{messages[-1]['content']}>")

    async def ask(state: Any) -> dict[str, Any]:
        return {"log": [str((await model.ainvoke(state["problem"])).content)]}

    graph = line(one=ask, two=ask, three=ask)

    def again() -> Session:
        return debug(graph, store=tmp_path)

    with debug(graph, "p", store=tmp_path) as session:
        session.set("problem", "q")
        session.rewrite("two", "q", "r")
    with again() as session:
        assert session.state["problem"] == "q"
        session.step()
        session.edit_prompt(text="edited", sampling={"temperature": 0.2})
    with again() as session:
        assert session.stop is not None and session.stop.request is not None
        assert session.stop.request.messages[-1]["content"] == "edited"
        assert session.stop.request.sampling["temperature"] == 0.2
        session.step()
        session.set("log", [*session.state["log"], "added"])
    with again() as session:
        assert session.state["log"] == ["<edited>", "added"]
        session.until("three")
    with again() as session:
        assert session.state["log"] == ["<edited>", "added", "<r>"]
        session.step()
        session.say("person")
    with again() as session:
        session.go()
        assert session.state["log"] == ["<edited>", "added", "<r>", "person"]
        assert [turn.author for turn in session.run_record.turns()] == [None, None, "person"]
        assert session.branches()[0].edits == 5


def test_labels_breakpoints_and_names_come_back(line: Any, tmp_path: Path) -> None:
    model = scripted(lambda messages, sample: "answer")

    async def ask(state: Any) -> dict[str, Any]:
        return {"said": str((await model.ainvoke("?")).content)}

    graph = line(one=ask, two="2")
    with debug(graph, "p", store=tmp_path) as session:
        session.next()
        session.accept()
        session.correct("better")
        session.break_before("two", when="count == 3")
        session.rename("trunk")
        session.fork(name="twig")
        lessons, breakpoints = session.lessons(), session.breakpoints()
        assert lessons
    with debug(graph, store=tmp_path) as session:
        assert session.lessons() == lessons
        assert session.breakpoints() == breakpoints
        assert [each.name for each in session.branches()] == ["trunk", "twig"]


def test_the_branch_comes_back_on_which_something_was_done_last(line: Any, tmp_path: Path, at: At) -> None:
    graph = line(one="1", two="2")
    with debug(graph, "p", store=tmp_path) as session:
        fork = session.fork(name="fork")
        fork.step()
    with debug(graph, store=tmp_path) as session:
        assert (session.branch, at(session)) == ("fork", "after one")
        session.switch("main").next()
    with debug(graph, store=tmp_path) as session:
        assert (session.branch, at(session)) == ("main", "before two")


def test_forks_and_samples_are_made_after_opening_again(line: Any, tmp_path: Path) -> None:
    graph = line(one="1", two="2")
    with debug(graph, "p", store=tmp_path) as session:
        session.step()
        session.resample(2)
    with debug(graph, store=tmp_path) as session:
        fork = session.fork()
        assert session.resample(2).failed == 0
        fork.go()
        session.go()
        assert fork.state == session.state
        repeats = [each.repeat for each in session.run_record.rollouts()]
        assert len(set(repeats)) == len(repeats) == 6


def test_a_routers_decision_is_kept_not_made_again(Words: Any, tmp_path: Path, at: At) -> None:
    chance = random.Random(0)
    asked: list[str] = []

    def route(state: Any) -> str:
        asked.append(chance.choice(["left", "right"]))
        return asked[-1]

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    for name in ("one", "left", "right"):
        graph.add_node(name, lambda state, name=name: {"log": [name]})
    graph.add_edge(START, "one")
    graph.add_conditional_edges("one", route, ["left", "right"])
    graph.add_edge("left", "one")
    graph.add_edge("right", "one")
    with debug(graph, "p", store=tmp_path) as session:
        for _ in range(12):
            session.next()
        place, state = at(session), session.state
        decided = list(asked)
    for _ in range(3):
        with debug(graph, store=tmp_path) as session:
            assert (at(session), session.state, asked) == (place, state, decided)
            assert session.fork().state == state


def test_where_the_graph_was_mended_it_stops_at_the_first_thing_that_is_new(
    line: Any, tmp_path: Path, at: At
) -> None:
    with debug(line(one="1", two="2", three="3"), "p", store=tmp_path) as session:
        session.until("three")
    with debug(line(one="1", two="2", other="o", last="l"), store=tmp_path) as session:
        assert at(session) == "before other"
        session.go()
        assert session.state["log"] == ["1", "2", "o", "l"]


@pytest.mark.parametrize("gone", ["left", "right"])
def test_one_of_two_held_neighbours_is_gone_from_the_mended_graph(
    fan: Any, tmp_path: Path, at: At, gone: str
) -> None:
    nodes = {"left": "l", "right": "r"}
    with debug(fan(**nodes), "p", store=tmp_path) as session:
        session.next()
        assert at(session) == "before left"
    del nodes[gone]
    with debug(fan(**nodes), store=tmp_path) as session:
        (other,) = nodes
        assert at(session) == f"before {other}"
        session.go()
        assert session.state["log"] == ["split", nodes[other], "join"]


def test_messages_keep_their_ids(tmp_path: Path, at: At) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(MessagesState)
    graph.add_node("say", lambda state: {"messages": [("ai", "one"), {"role": "ai", "content": "two"}]})
    graph.add_node("forget", lambda state: {"messages": [RemoveMessage(id=state["messages"][1].id)]})
    graph.add_node("last", lambda state: {"messages": [("ai", "three")]})
    for one, other in ((START, "say"), ("say", "forget"), ("forget", "last"), ("last", END)):
        graph.add_edge(one, other)
    with debug(graph, {"messages": [("user", "hello")]}, store=tmp_path) as session:
        session.until("last")
        known = [(each.id, each.content) for each in session.state["messages"]]
        assert [text for _, text in known] == ["hello", "two"]
    with debug(graph, store=tmp_path) as session:
        assert at(session) == "before last"
        assert [(each.id, each.content) for each in session.state["messages"]] == known
        session.fork(at=2).go()
        session.go()
        assert session.status == "done"


def test_updates_as_pairs_come_back(line: Any, tmp_path: Path, at: At) -> None:
    graph = line(one=lambda state: Command(update=[("said", "a"), ("log", ["b"]), ("log", ["c"])]), two="2")
    with debug(graph, "p", store=tmp_path) as session:
        session.step()
        session.set("count", 1)
        session.until("two")
        state = session.state
        assert state == {"problem": "p", "said": "a", "count": 1, "log": ["b", "c"]}
    with debug(graph, store=tmp_path) as session:
        assert (at(session), session.state) == ("before two", state)


def test_a_session_belongs_to_its_task_input_and_verifier(line: Any, tmp_path: Path) -> None:
    graph = line(one="1")
    debug(graph, {"problem": "p", "count": 1}, store=tmp_path / "input").close()
    with pytest.raises(UserError, match="another input"):
        debug(graph, {"problem": "p", "count": 2}, store=tmp_path / "input")
    debug(graph, {"problem": "p", "count": 1}, store=tmp_path / "input").close()
    debug(graph, TASK, store=tmp_path / "task").close()
    with pytest.raises(UserError, match="about task 't'"):
        debug(graph, Task(id="other", problem="?"), store=tmp_path / "task")
    with pytest.raises(UserError, match="verifier"):
        debug(graph, TASK, store=tmp_path / "task", verifier=exact)
    debug(graph, TASK, store=tmp_path / "task").close()


def test_a_session_without_a_task_is_not_begun(line: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to debug"):
        debug(line(one="1"), store=tmp_path / "s")
    with debug(line(one="1"), "p", store=tmp_path / "s") as session:
        assert session.stop is not None


def test_a_mended_graph_is_told_by_what_is_gone_and_new_once(
    line: Any, tmp_path: Path, at: At, capsys: pytest.CaptureFixture[str]
) -> None:
    class Before(TypedDict, total=False):
        problem: str
        old: str

    class After(TypedDict, total=False):
        problem: str
        new: str

    inner = line(Before, check=lambda state: {}).compile()
    with debug(line(Before, one=lambda state: {"old": "x"}, team=inner), "p", store=tmp_path) as session:
        session.until("team")
        assert session.notice is None
    mended = line(After, one=lambda state: {}, other=lambda state: {"new": "y"})
    with debug(mended, store=tmp_path) as session:
        told = "gone nodes: team, team/check; new node: other; gone field: old; new field: new"
        assert session.notice is not None and told in session.notice
        assert session.notice in capsys.readouterr().err
        assert at(session) == "before other"
        session.go()
        assert (session.status, session.state) == ("done", {"problem": "p", "new": "y"})
    with debug(mended, store=tmp_path) as session:
        assert (session.notice, capsys.readouterr().err) == (None, "")


def forking(Words: Any, how: str, *ways: str) -> Any:
    """A node that leads to the first of some others, by an edge or by a command."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    if how == "edge":
        graph.add_node("one", lambda state: {"log": ["one"]})
        graph.add_conditional_edges("one", lambda state: ways[0], list(ways))
    else:
        graph.add_node("one", lambda state: Command(goto=ways[0]), destinations=ways)
    for way in ways:
        graph.add_node(way, lambda state, way=way: {"log": [way]})
    graph.add_edge(START, "one")
    return graph


@pytest.mark.parametrize("how", ["edge", "command"])
def test_a_record_that_leads_to_a_node_that_is_gone_is_refused_and_left_as_it_is(
    Words: Any, tmp_path: Path, at: At, how: str
) -> None:
    whole, less = forking(Words, how, "left", "right"), forking(Words, how, "right")
    with debug(whole, "p", store=tmp_path) as session:
        session.until("left")
        state = session.state
    with pytest.raises(UserError, match="leads from 'one' to 'left'"):
        debug(less, store=tmp_path)
    with debug(whole, store=tmp_path) as session:
        assert (at(session), session.state) == ("before left", state)
        session.go()
    with debug(less, store=tmp_path) as session:
        assert session.status == "done"
        with pytest.raises(UserError, match="leads from 'one' to 'left'"):
            session.fork(at=(2, "after"))
        fork = session.fork(at=(1, "before"))
        fork.go()
        assert (fork.status, fork.state["log"][-1]) == ("done", "right")
    with debug(less, store=tmp_path) as session:
        assert session.branch == "fork-2"
