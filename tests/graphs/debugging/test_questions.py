"""Nodes that ask a person by LangGraph's `interrupt()`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import interrupt

from tutelage.errors import UserError
from tutelage.graphs import Session, debug

At = Callable[[Session], str]


def ask(state: Any) -> dict[str, Any]:
    name = interrupt({"ask": "name"})
    age = interrupt("age")
    return {"log": [f"{name} {age}"]}


async def aask(state: Any) -> dict[str, Any]:
    return ask(state)


@pytest.mark.parametrize("node", [ask, aask])
def test_every_question_of_a_node_is_a_stop(line: Any, at: At, node: Any) -> None:
    with debug(line(ask=node, last="last"), "p") as session:
        stop = session.go()
        assert stop is not None
        assert (at(session), stop.question) == ("asks ask", {"ask": "name"})
        stop = session.answer("Ada")
        assert stop is not None
        assert (at(session), stop.question) == ("asks ask", "age")
        session.answer(36)
        assert (at(session), session.state["log"]) == ("after ask", ["Ada 36"])
        session.go()
        assert at(session) == "done"


def test_a_question_must_be_answered(line: Any, at: At) -> None:
    with debug(line(ask=ask), "p") as session:
        session.go()
        for action in (session.go, session.step, session.next):
            with pytest.raises(UserError, match="answer"):
                action()
        assert at(session) == "asks ask"


def test_a_question_inside_a_subgraph(line: Any, at: At) -> None:
    inner = line(ask=ask).compile()
    with debug(line(team=inner, last="last"), "p") as session:
        session.go()
        assert at(session) == "asks team/ask"
        session.answer("Ada")
        session.answer(36)
        session.go()
        assert session.state["log"] == ["Ada 36", "last"]


def test_questions_on_two_parallel_branches(fan: Any, at: At) -> None:
    with debug(fan(left=ask, right=ask), "p") as session:
        session.go()
        said = iter(range(10))
        while session.stop is not None:
            if session.stop.when == "asks":
                session.answer(f"a{next(said)}")
            else:
                session.go()
        assert session.status == "done"
        assert len(session.state["log"]) == 4


def test_answers_are_kept_and_the_next_question_comes_back(line: Any, at: At, tmp_path: Path) -> None:
    graph = line(ask=ask, last="last")
    with debug(graph, "p", store=tmp_path) as session:
        session.go()
        session.answer("Ada")
    with debug(graph, store=tmp_path) as session:
        assert session.stop is not None and (at(session), session.stop.question) == ("asks ask", "age")
        session.answer(36)
    with debug(graph, store=tmp_path) as session:
        assert at(session) == "after ask"
        session.go()
        assert session.state["log"] == ["Ada 36", "last"]


def test_a_fork_at_a_question_gets_another_answer(line: Any, at: At) -> None:
    with debug(line(ask=ask), "p") as session:
        session.go()
        session.answer("Ada")
        fork = session.fork()
        assert at(fork) == "asks ask"
        fork.answer(1)
        session.answer(2)
        fork.go()
        session.go()
        assert (fork.state["log"], session.state["log"]) == (["Ada 1"], ["Ada 2"])


def test_samples_answer_nothing_and_fail(line: Any) -> None:
    with debug(line(ask=ask), "p") as session:
        spread = session.resample(2)
        assert spread.failed == 2
        assert session.switch("sample-1/1").error is not None


def test_any_plain_value_can_be_an_answer(line: Any) -> None:
    def keep(state: Any) -> dict[str, Any]:
        return {"said": interrupt("?")}

    for value in (None, False, "", [1, {"a": None}]):
        with debug(line(keep=keep), "p") as session:
            session.go()
            session.answer(value)
            session.go()
            assert session.state["said"] == value
