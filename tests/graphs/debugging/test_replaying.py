"""A rollout on record is debugged without its engine, up to where the graph leaves the record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import Session, debug, rollout, self_refine
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.types import Task

At = Callable[[Session], str]
TASKS = [Task(id=f"t{at}", problem=f"What is {at}+1?", reference=str(at + 1)) for at in range(3)]


def speaking(asked: list[str]) -> ChatModel:
    def answer(messages: Any, sample: int) -> str:
        asked.append(messages[-1]["content"])
        if "Check every step" in asked[-1]:
            return "verdict: wrong at step 1"
        return f"answer: {len(asked)}"

    return scripted(answer)


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def graph(asked: list[str]) -> Any:
    return self_refine(speaking(asked), rounds=2)


@pytest.fixture
def stored(tmp_path: Path, graph: Any, asked: list[str]) -> Path:
    """A run of three rollouts, after which nobody has been asked."""
    rollout(graph, TASKS, verifier=exact, store=tmp_path / "run", progress=False, concurrency=1).close()
    asked.clear()
    return tmp_path / "run"


def test_a_stored_rollout_is_stepped_through_and_no_engine_is_asked(
    stored: Path, graph: Any, asked: list[str]
) -> None:
    with Run.open(stored) as run:
        known = run.rollouts()[1]
        said = [(turn.role, turn.completion) for turn in run.turns(known.id)]
    with debug(graph, run=stored, rollout=known.id, verifier=exact) as session:
        assert session.task == known.task
        while session.stop is not None:
            session.step()
        assert (session.status, asked) == ("done", [])
        turns = session.run_record.turns()
        assert [(turn.role, turn.completion) for turn in turns] == said
        assert session.branches()[0].answer == known.answer
        assert all(turn.metadata["replayed"] == at for at, turn in enumerate(turns))


def test_a_fork_of_a_replayed_rollout_goes_on_live(stored: Path, graph: Any, asked: list[str]) -> None:
    with debug(graph, run=stored) as session:
        session.go()
        fork = session.fork(at=1)
        fork.go()
        assert (fork.status, bool(asked)) == ("done", True)


def test_it_stops_where_the_graph_leaves_the_record_and_goes_on_live(
    stored: Path, graph: Any, asked: list[str], at: At
) -> None:
    with debug(graph, run=stored) as session:
        session.until("reviewer")
        session.set("solution", "something else\nanswer: 9")
        stop = session.go()
        assert stop is not None
        assert (at(session), asked) == ("diverged reviewer", [])
        assert stop.error is not None and "something else" in stop.error
        assert stop.request is not None and "something else" in str(stop.request.messages[-1]["content"])
        session.go()
        assert session.status == "done"
        assert asked


def test_a_rewritten_prompt_diverges_too(stored: Path, graph: Any, asked: list[str], at: At) -> None:
    with debug(graph, run=stored) as session:
        session.rewrite("solver", "Solve", "Do solve")
        session.go()
        assert (at(session), asked) == ("diverged solver", [])


def test_an_answer_on_record_can_be_replaced_by_a_person(stored: Path, graph: Any, at: At) -> None:
    with debug(graph, run=stored) as session:
        session.step()
        assert at(session) == "prompt solver"
        session.say("answer: 77")
        session.step()
        assert session.state["answer"] == "77"


def test_by_default_it_is_the_one_that_failed_else_that_did_not_pass(stored: Path, graph: Any) -> None:
    with Run.open(stored) as run:
        passed = {row.rollout_id: row.score.passed for row in run.scores(subject="rollout")}
        wrong = next(each for each in run.rollouts() if not passed[each.id])
    with debug(graph, run=stored) as session:
        assert session.task == wrong.task
    with debug(graph, run=stored, rollout="t2") as session:
        assert session.task.id == "t2"


def test_a_rollout_that_there_is_not_is_refused(stored: Path, graph: Any) -> None:
    with pytest.raises(UserError):
        debug(graph, run=stored, rollout="nothing")


def test_a_failed_rollout_is_looked_at_where_it_failed(tmp_path: Path, at: At) -> None:
    asked: list[str] = []
    model = speaking(asked)
    graph = self_refine(model, rounds=1)

    def broken(state: Any) -> Any:
        raise ValueError(f"no {state['verdict']}")

    graph.nodes.pop("refiner")
    graph.add_node("refiner", broken)
    rollout(graph, TASKS[:2], verifier=exact, store=tmp_path / "run", progress=False, concurrency=1).close()
    with Run.open(tmp_path / "run") as run:
        failed = run.rollouts("failed")
        assert failed
    asked.clear()
    with debug(graph, run=tmp_path / "run", store=tmp_path / "session") as session:
        assert session.task == failed[0].task
        stop = session.go()
        assert stop is not None
        assert (at(session), stop.error, asked) == ("error refiner", "ValueError: no wrong", [])
        assert session.state["verdict"] == "wrong"
    with debug(graph, store=tmp_path / "session") as session:
        assert (at(session), asked) == ("error refiner", [])
        session.set("solution", "answer: 1")
        session.step()
        assert (at(session), session.state["solution"]) == ("after refiner", "answer: 1")


def test_a_replay_is_taken_up_again_without_the_engine(
    stored: Path, graph: Any, asked: list[str], tmp_path: Path, at: At
) -> None:
    with debug(graph, run=stored, rollout="t1", store=tmp_path / "s", verifier=exact) as session:
        session.until("reviewer")
        session.step()
    with debug(graph, store=tmp_path / "s", verifier=exact) as session:
        assert at(session) == "prompt reviewer"
        while session.stop is not None:
            session.go()
        assert (session.status, asked) == ("done", [])


def test_at_a_divergence_it_is_taken_up_again(
    stored: Path, graph: Any, asked: list[str], tmp_path: Path, at: At
) -> None:
    with debug(graph, run=stored, store=tmp_path / "s") as session:
        session.set("problem", "another")
        session.go()
        assert at(session) == "diverged solver"
    with debug(graph, store=tmp_path / "s") as session:
        assert (at(session), asked) == ("diverged solver", [])
        assert session.stop is not None and session.stop.error is not None
        session.go()
        assert session.status == "done"


def test_the_stored_run_is_not_written(stored: Path, graph: Any) -> None:
    before = (stored / "run.sqlite").read_bytes()
    with debug(graph, run=stored) as session:
        session.fork(name="x").go()
        session.go()
    assert (stored / "run.sqlite").read_bytes() == before
