"""Nodes side by side: held one by one, changed one by one, and none of them lost."""

import asyncio
import operator
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send

from tutelage.agents import scripted
from tutelage.graphs import Session, debug

At = Callable[[Session], str]


class Sums(TypedDict, total=False):
    problem: str
    items: list[int]
    item: int
    log: Annotated[list[int], operator.add]


def mapped() -> StateGraph[Any, Any, Any, Any]:
    """Three packets to one node."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Sums)
    graph.add_node("plan", lambda state: {"items": [1, 2, 3]})
    graph.add_node("work", lambda packet: {"log": [packet["item"] * 10]})
    graph.add_node("sum", lambda state: {"item": sum(state["log"])})
    graph.add_edge(START, "plan")
    graph.add_conditional_edges(
        "plan", lambda state: [Send("work", {"item": each}) for each in state["items"]], ["work"]
    )
    graph.add_edge("work", "sum")
    return graph


def test_step_takes_neighbours_one_by_one(fan: Any, at: At) -> None:
    with debug(fan(left="l", right="r"), "p") as session:
        session.next()
        seen = set()
        while at(session) != "before join":
            seen.add(at(session))
            session.step()
        assert seen == {"before left", "before right", "after left", "after right"}
        assert session.state["log"] == ["split", "l", "r"]


def test_next_takes_neighbours_together(fan: Any, at: At) -> None:
    with debug(fan(left="l", right="r"), "p") as session:
        session.next()
        assert at(session) == "before left"
        session.next()
        assert at(session) == "before join"


def test_go_on_from_the_start_stops_at_no_neighbour(Words: Any, at: At) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Words)
    for name in ("left", "right"):
        graph.add_node(name, lambda state: {"log": ["side"]})
        graph.add_edge(START, name)
    with debug(graph, "p") as session:
        assert at(session) == "before left"
        session.go()
        assert (at(session), session.state["log"]) == ("done", ["side", "side"])


def test_while_one_branch_is_held_the_others_go_on(fan: Any, at: At) -> None:
    through = threading.Event()

    def right(state: Any) -> dict[str, Any]:
        through.set()
        return {"log": ["r"]}

    with debug(fan(left="l", right=right), "p") as session:
        session.break_before("left")
        session.go()
        assert at(session) == "before left"
        assert through.wait(10)
        session.go()
        assert session.state["log"] == ["split", "l", "r", "join"]


def test_two_held_branches_are_taken_one_after_the_other(fan: Any, at: At) -> None:
    with debug(fan(left="l", right="r"), "p") as session:
        session.break_before("left")
        session.break_before("right")
        session.go()
        places = []
        while session.stop is not None:
            places.append(at(session))
            session.go()
        assert [each for each in places if each.startswith("before")] == ["before left", "before right"]
        assert session.state["log"] == ["split", "l", "r", "join"]


def test_a_breakpoint_inside_a_subgraph_of_one_parallel_branch(line: Any, fan: Any, at: At) -> None:
    team = line(think="t", say="s").compile()
    with debug(fan(left="l", right=team), "p") as session:
        session.break_before("right/say")
        session.go()
        assert at(session) == "before right/say"
        session.set("log", ["mine"])
        session.go()
        assert session.state["log"] == ["split", "l", "mine", "s", "join"]


def test_an_edit_of_one_branch_leaves_its_neighbour_alone(fan: Any, at: At) -> None:
    with debug(fan(left="l", right="r"), "p") as session:
        session.break_after("left")
        session.go()
        session.set("said", "left was here")
        session.go()
        assert session.state == {"problem": "p", "said": "left was here", "log": ["split", "l", "r", "join"]}


@pytest.mark.parametrize("node", ["left", "right"])
def test_an_edit_after_one_branch_keeps_what_its_neighbour_writes(fan: Any, node: str) -> None:
    with debug(fan(left="l", right="r"), "p") as session:
        session.break_after(node)
        session.go()
        session.set("log", ["edited"])
        assert session.state["log"] == ["edited"]
        session.go()
        assert session.state["log"] == ["edited", "r" if node == "left" else "l", "join"]


def test_edits_after_two_neighbours_are_both_there(fan: Any, tmp_path: Path) -> None:
    graph = fan(left="l", right="r")
    with debug(graph, "p", store=tmp_path) as session:
        session.break_after("left")
        session.break_after("right")
        session.go()
        session.set("log", [*session.state["log"], "one"])
        session.go()
        session.set("log", [*session.state["log"], "two"])
    with debug(graph, store=tmp_path) as session:
        assert session.state["log"][-1] == "two"
        session.go()
        assert session.status == "done"
        assert {"split", "one", "two", "join"} <= {*session.state["log"]}


def test_packets_are_visits_of_their_own(at: At) -> None:
    with debug(mapped(), "p") as session:
        session.go()
        assert [visit.key for visit in session.visits()] == [
            "1 plan",
            "2 work[0]",
            "2 work[1]",
            "2 work[2]",
            "3 sum",
        ]
        assert session.state["item"] == 60


def test_a_breakpoint_holds_one_packet_by_what_it_carries(at: At) -> None:
    with debug(mapped(), "p") as session:
        session.break_before("work", when="item == 2")
        stop = session.go()
        assert stop is not None and stop.visit.key == "2 work[1]"
        assert session.state["item"] == 2
        session.go()
        assert at(session) == "done"


def test_a_packet_can_be_changed(at: At) -> None:
    with debug(mapped(), "p") as session:
        session.until("work")
        session.set("item", 5)
        session.go()
        assert sorted(session.state["log"]) == [20, 30, 50]


def test_packets_are_found_again_when_a_session_is_opened_again(tmp_path: Path, at: At) -> None:
    with debug(mapped(), "p", store=tmp_path) as session:
        session.break_before("work", when="item == 3")
        session.go()
    with debug(mapped(), store=tmp_path) as session:
        assert session.stop is not None and session.stop.visit.key == "2 work[2]"
        session.go()
        assert session.state["log"] == [10, 20, 30]


def test_a_fork_from_one_of_three_packets_ends_as_its_parent() -> None:
    with debug(mapped(), "p") as session:
        session.go()
        for number in (2, 3, 4):
            fork = session.fork(at=number)
            assert fork.stop is not None and fork.stop.visit.number == number
            while fork.stop is not None:
                fork.go()
            assert sorted(fork.state["log"]) == [10, 20, 30]


def test_samples_of_a_call_and_calls_side_by_side_are_held_apart(line: Any, at: At) -> None:
    model = scripted(lambda messages, sample: messages[-1]["content"] * 2)

    async def together(state: Any) -> dict[str, Any]:
        said = await asyncio.gather(*(model.ainvoke(each) for each in "abc"))
        return {"log": [str(each.content) for each in said]}

    with debug(line(together=together), "p") as session:
        session.step()
        assert session.stop is not None and session.stop.request is not None
        assert session.stop.request.messages[0]["content"] == "a"
        session.say("person")
        while session.stop is not None:
            session.step()
        assert session.state["log"] == ["person", "bb", "cc"]
        assert [turn.author for turn in session.run_record.turns() if turn.completion == "person"] == [
            "person"
        ]


def test_a_command_of_many_packets(line: Any) -> None:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Sums)
    graph.add_node("plan", lambda state: Command(goto=[Send("work", {"item": each}) for each in (1, 2)]))
    graph.add_node("work", lambda packet: {"log": [packet["item"]]})
    graph.add_edge(START, "plan")
    with debug(graph, "p") as session:
        session.go()
        assert session.state["log"] == [1, 2]
        fork = session.fork(at=(1, "after"))
        fork.go()
        assert fork.state["log"] == [1, 2]


@pytest.mark.parametrize("order", [("left", "right"), ("right", "left")])
def test_a_kept_session_stays_at_the_branch_that_was_held(
    fan: Any, at: At, tmp_path: Path, order: tuple[str, str]
) -> None:
    ran: list[str] = []

    def slow(state: Any) -> dict[str, Any]:
        time.sleep(0.05)
        ran.append("slow")
        return {"log": ["slow"]}

    def quick(state: Any) -> dict[str, Any]:
        ran.append("quick")
        return {"log": ["quick"]}

    graph = fan(**dict(zip(order, (slow, quick), strict=True)))
    with debug(graph, "p", store=tmp_path) as session:
        for node in order:
            session.break_after(node)
        session.go()
        first = at(session)
        while len(ran) < 2:
            time.sleep(0.01)
    with debug(graph, store=tmp_path) as session:
        assert at(session) == first
        places = [first]
        while session.go() is not None:
            places.append(at(session))
        assert sorted(places) == ["after left", "after right"]
        assert sorted(ran) == ["quick", "slow"]


@pytest.mark.parametrize("first", ["left", "right"])
@pytest.mark.parametrize("neighbour", ["ended", "runs on"])
@pytest.mark.parametrize("then", ["goes on", "opened again", "forked"])
def test_an_edit_after_one_branch_stands_against_what_its_neighbour_writes_there(
    fan: Any, at: At, tmp_path: Path, first: str, neighbour: str, then: str
) -> None:
    ended, edited = threading.Event(), threading.Event()

    def other(state: Any) -> dict[str, Any]:
        if neighbour == "runs on" and not ended.is_set():
            edited.wait(10)
        ended.set()
        return {"said": "neighbour", "log": ["n"]}

    nodes = {first: "l", "left" if first == "right" else "right": other}
    graph = fan(**dict(sorted(nodes.items())))
    session = debug(graph, "p", store=tmp_path)
    session.break_after(first)
    session.go()
    assert at(session) == f"after {first}"
    if neighbour == "ended":
        assert ended.wait(10)
        time.sleep(0.05)
    if then == "forked":
        edited.set()
        session = session.fork({"said": "mine"})
    else:
        session.set("said", "mine")
        edited.set()
    assert session.state["said"] == "mine"
    if then == "opened again":
        session.close()
        session = debug(graph, store=tmp_path)
        assert session.state["said"] == "mine"
    session.go()
    assert (session.status, session.state["said"]) == ("done", "mine")
    assert sorted(session.state["log"]) == ["join", "l", "n", "split"]
    session.close()


def test_a_fork_after_one_branch_keeps_its_change_against_the_neighbour(fan: Any) -> None:
    graph = fan(left="l", right=lambda state: {"said": "neighbour"})
    with debug(graph, "p") as session:
        session.go()
        number = next(each.number for each in session.visits() if each.node == "left")
        fork = session.fork({"said": "mine"}, at=(number, "after"))
        fork.go()
        assert (session.state["said"], fork.state["said"]) == ("neighbour", "mine")
