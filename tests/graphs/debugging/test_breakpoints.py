"""Where breakpoints hold."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import pytest

from tutelage.agents import scripted
from tutelage.errors import UserError
from tutelage.graphs import Session, debug, self_refine
from tutelage.graphs.debugging.breakpoints import Where
from tutelage.graphs.debugging.view import Breakpoint

At = Callable[[Session], str]


def refining(rounds: int = 2) -> Any:
    """A loop in which every review says "wrong"."""

    def answer(messages: Any, sample: int) -> str:
        reviews = "Check every step" in messages[-1]["content"]
        return "verdict: wrong at step 1" if reviews else "1+1=2\nanswer: 2"

    return self_refine(scripted(answer), rounds=rounds)


def test_before_and_after_a_node(line: Any, at: At) -> None:
    with debug(line(one="1", two="2"), "p") as session:
        session.break_before("two")
        session.break_after("two")
        stop = session.go()
        assert stop is not None
        assert (at(session), stop.why, stop.breakpoint) == ("before two", "breakpoint 1: before two", 1)
        session.go()
        assert (at(session), session.state["log"]) == ("after two", ["1", "2"])


@pytest.mark.parametrize("name", ["check", "team/pair/check"])
def test_inside_a_subgraph_by_name_or_by_way(nested: Any, at: At, name: str) -> None:
    with debug(nested, "p") as session:
        session.break_before(name)
        session.go()
        assert at(session) == "before team/pair/check"


def test_of_two_subgraphs_with_a_node_of_one_name_the_way_tells_which(line: Any, at: At) -> None:
    inner = line(say="s").compile()
    with debug(line(left=inner, right=inner), "p") as session:
        assert session.nodes == ("left", "left/say", "right", "right/say")
        session.break_before("right/say")
        session.go()
        assert at(session) == "before right/say"


def test_on_a_role_before_its_model_is_asked(at: At) -> None:
    with debug(refining(), "q") as session:
        session.break_on(role="reviewer")
        stop = session.go()
        assert stop is not None and stop.request is not None
        assert (at(session), stop.request.role) == ("prompt reviewer", "reviewer")
        assert "Check every step" in str(stop.request.messages[-1]["content"])


def test_on_a_verdict(at: At) -> None:
    with debug(refining(), "q") as session:
        session.break_on(verdict="wrong")
        stops = []
        while (stop := session.go()) is not None:
            stops.append((at(session), stop.visit.number, stop.why))
        assert stops == [("after reviewer", number, "breakpoint 1: verdict wrong") for number in (2, 4, 6)]


def test_on_a_score(line: Any, at: At) -> None:
    class Scored(TypedDict, total=False):
        problem: str
        score: float

    graph = line(Scored, good=lambda state: {"score": 0.9}, bad=lambda state: {"score": 0.1})
    with debug(graph, "p") as session:
        session.break_on(score="< 0.5")
        session.go()
        assert at(session) == "after bad"


def test_on_a_condition_over_the_state(line: Any, at: At) -> None:
    def count(state: Any) -> dict[str, Any]:
        return {"count": state.get("count", 0) + 1}

    with debug(line(a=count, b=count, c=count), "p") as session:
        session.break_on(when="count == 2 and node != 'a'")
        session.go()
        assert at(session) == "after b"
        session.clear()
        session.break_on(when=lambda state: state.get("count") == 3)
        stop = session.go()
        assert stop is not None
        assert (at(session), stop.why) == ("after c", "breakpoint 2: a function")


def test_on_a_token_budget(at: At) -> None:
    with debug(refining(), "q") as session:
        session.break_on(tokens=300)
        session.go()
        first = sum(visit.prompt_tokens + visit.completion_tokens for visit in session.visits())
        assert first > 300
        ended = [visit for visit in session.visits() if visit.status == "done"]
        assert sum(visit.prompt_tokens + visit.completion_tokens for visit in ended[:-1]) <= 300
        session.go()
        assert at(session) == "done"


def test_an_error_stops_always(line: Any, at: At) -> None:
    def broken(state: Any) -> Any:
        raise ValueError("boom")

    with debug(line(one="1", broken=broken), "p") as session:
        stop = session.go()
        assert stop is not None
        assert (at(session), stop.error) == ("error broken", "ValueError: boom")


def test_a_temporary_one_holds_once(at: At) -> None:
    with debug(refining(), "q") as session:
        session.break_on("reviewer", temporary=True)
        session.go()
        assert not session.breakpoints()
        session.go()
        assert at(session) == "done"


def test_hits_can_be_let_pass(at: At) -> None:
    with debug(refining(), "q") as session:
        made = session.break_on("reviewer", ignore=2)
        stop = session.go()
        assert stop is not None and stop.visit.number == 6
        (known,) = session.breakpoints()
        assert (known.number, known.hits, known.ignore) == (made.number, 3, 0)


def test_one_can_be_disabled_enabled_changed_and_cleared(at: At) -> None:
    with debug(refining(), "q") as session:
        made = session.break_on("reviewer", commands=["p verdict", "c"])
        assert made.commands == ("p verdict", "c")
        session.disable(made.number)
        session.until("refiner")
        session.enable(made.number)
        session.change_breakpoint(made.number, when="round > 1")
        stop = session.go()
        assert stop is not None and stop.visit.number == 6
        session.clear(made.number)
        assert session.breakpoints() == []


def test_a_bad_change_of_one_is_refused_and_changes_nothing(at: At) -> None:
    with debug(refining(), "q") as session:
        made = session.break_on("reviewer", when="round == 1")
        for changes in ({"when": "rnd == 1"}, {"ignore": "often"}, {"colour": "red"}):
            with pytest.raises(UserError):
                session.change_breakpoint(made.number, **changes)
        assert session.breakpoints() == [made]
        stop = session.go()
        assert stop is not None and stop.visit.number == 4


def test_all_that_is_given_must_hold(at: At) -> None:
    with debug(refining(), "q") as session:
        session.break_on("reviewer", verdict="right")
        session.break_on("solver", verdict="wrong")
        session.break_on("reviewer", verdict="wrong", when="round == 2")
        stop = session.go()
        assert stop is not None and (stop.breakpoint, stop.visit.number) == (3, 6)


def test_a_condition_that_cannot_be_evaluated_here_does_not_hold(line: Any, at: At) -> None:
    with debug(line(one="1", two=lambda state: {"count": 1}), "p") as session:
        session.break_on(when="count > 0")
        session.go()
        assert at(session) == "after two"


def test_breakpoints_hold_on_every_branch_of_the_session(nested: Any, at: At) -> None:
    with debug(nested, "p") as session:
        session.break_before("check")
        fork = session.fork()
        fork.go()
        session.go()
        assert at(fork) == at(session) == "before team/pair/check"


def test_breakpoints_are_kept_with_their_numbers_those_with_a_function_are_not(
    line: Any, at: At, tmp_path: Path
) -> None:
    with debug(line(one="1", two="2", three="3"), "p", store=tmp_path) as session:
        session.break_before("one")
        session.break_before("three", when="len(log) == 2", commands=["p log"])
        session.break_before("two", when=lambda state: True)
        session.disable(1)
        session.clear(1)
        kept = session.breakpoints()[0]
    with debug(line(one="1", two="2", three="3"), store=tmp_path) as session:
        assert session.breakpoints() == [kept]
        assert session.break_before("one").number == 3
        session.go()
        assert at(session) == "before three"


def test_a_breakpoint_set_while_the_graph_runs_holds(line: Any, at: At) -> None:
    started = threading.Event()

    def slow(state: Any) -> dict[str, Any]:
        started.set()
        time.sleep(0.1)
        return {"log": ["slow"]}

    with debug(line(one=slow, two="2"), "p") as session:
        thread = threading.Thread(target=session.go)
        thread.start()
        started.wait()
        session.break_before("two")
        thread.join()
        assert at(session) == "before two"


def raising(state: Any) -> bool:
    return bool(state["nowhere"])


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("said > 3", "said > 3 cannot be evaluated here (TypeError: '>' not supported"),
        ("log[7] == ''", "log[7] == '' cannot be evaluated here (IndexError: list index out of range)"),
        (raising, "raising(state) cannot be evaluated here (KeyError: 'nowhere')"),
        (lambda state: state["said"] > 3, "a function cannot be evaluated here (TypeError: '>' not"),
    ],
)
def test_a_condition_that_fails_stops_and_says_so_once(line: Any, at: At, when: Any, told: str) -> None:
    with debug(line(one="1", two="2", three="3"), {"problem": "p", "said": "words"}) as session:
        made = session.break_on(when=when)
        stop = session.go()
        assert stop is not None
        assert (at(session), stop.breakpoint) == ("after one", made.number)
        assert told in stop.why
        assert session.breakpoints() == [made]
        session.go()
        assert session.status == "done"


def test_a_condition_that_was_mended_says_again_what_fails(line: Any, at: At) -> None:
    with debug(line(one="1", two="2", three="3"), {"problem": "p", "said": "words"}) as session:
        made = session.break_on(when="said > 3")
        session.go()
        session.change_breakpoint(made.number, when="said > 4")
        session.go()
        assert at(session) == "after two"


@pytest.mark.parametrize("when", ["count == 1", lambda state: state["count"] == 1])
def test_a_condition_over_a_field_that_is_not_set_yet_waits_for_it(line: Any, at: At, when: Any) -> None:
    with debug(line(one="1", two=lambda state: {"count": 1}, three="3"), "p") as session:
        session.break_on(when=when)
        session.go()
        assert at(session) == "after two"


def test_what_can_be_asked_for_is_what_a_breakpoint_keeps() -> None:
    kept = set(Breakpoint.model_fields) - {"node", "number", "enabled", "hits"}
    assert set(Where.__annotations__) == kept


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"tokens": "many"}, "tokens='many'"),
        ({"role": 3}, "role=3"),
        ({"when": 5}, "when=5"),
        ({"node": "one", "commands": "c"}, "commands='c'"),
        ({"colour": "red"}, "colour='red'"),
        ({"temporary": True}, "needs a node"),
        ({"error": False}, "needs a node"),
    ],
)
def test_a_value_that_no_breakpoint_has_is_refused(line: Any, where: dict[str, Any], why: str) -> None:
    with debug(line(one="1"), "p") as session:
        with pytest.raises(UserError, match=why):
            session.break_on(**where)
        assert session.breakpoints() == []
