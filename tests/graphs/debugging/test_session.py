"""What a session tells of itself, what it refuses, and what it leaves alone."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import scripted
from tutelage.errors import StoreError, TutelageError, UserError
from tutelage.graphs import Session, debug, one_shot, rollout, self_refine
from tutelage.graphs.debugging import is_session, session_settings
from tutelage.tools import exact
from tutelage.types import Task

At = Callable[[Session], str]
TASK = Task(id="t", problem="What is 2+3?", reference="5")


def test_visits_tell_what_ran_in_order_with_what_it_changed(nested: Any) -> None:
    with debug(nested, "p") as session:
        session.go()
        visits = session.visits()
        assert [visit.number for visit in visits] == list(range(1, 8))
        assert ["/".join((*visit.within, visit.node)) for visit in visits] == [
            "first",
            "team",
            "team/plan",
            "team/pair",
            "team/pair/write",
            "team/pair/check",
            "last",
        ]
        assert [visit.parent for visit in visits] == [None, None, 2, 2, 4, 4, None]
        assert {visit.status for visit in visits} == {"done"}
        assert {visit.changed for visit in visits} == {("log",)}


def test_changes_of_a_visit_are_its_fields_before_and_after(line: Any) -> None:
    with debug(line(one=lambda state: {"said": "a", "log": ["1"]}, two="2"), "p") as session:
        session.go()
        assert [(each.field, each.before, each.after) for each in session.changes(1)] == [
            ("log", [], ["1"]),
            ("said", None, "a"),
        ]
        assert [(each.field, each.before, each.after) for each in session.changes()] == [
            ("log", ["1"], ["1", "2"])
        ]
        assert session.read(2) == {"problem": "p", "said": "a", "log": ["1"]}


def test_the_time_of_a_visit_is_that_of_its_node_not_of_the_person(line: Any) -> None:
    with debug(line(one="1", two="2"), "p") as session:
        time.sleep(0.2)
        session.step()
        time.sleep(0.2)
        session.go()
        assert all(visit.seconds is not None and 0 <= visit.seconds < 0.15 for visit in session.visits())


def test_the_state_at_the_end_is_the_graphs_own_also_after_parallel_nodes(fan: Any) -> None:
    graph = fan(left=lambda state: {"said": "l"}, right=lambda state: {"other": "r"})
    with debug(graph, "p") as session:
        while session.stop is not None:
            session.go()
        assert session.state == {"problem": "p", "said": "l", "other": "r", "log": ["split", "join"]}


def test_a_verifier_judges_the_end(tmp_path: Path) -> None:
    model = scripted(["answer: 4", "verdict: wrong at step 1", "answer: 5", "verdict: right"])
    with debug(self_refine(model, rounds=1), TASK, verifier=exact, store=tmp_path / "s") as session:
        session.go()
        (branch,) = session.branches()
        assert (branch.status, branch.answer, branch.passed, branch.value) == ("done", "5", True, 1.0)
        rollout = session.run_record.rollout(session.rollout_id)
        assert (rollout.status, rollout.answer) == ("done", "5")
        assert [turn.role for turn in session.run_record.turns()] == [
            "solver",
            "reviewer",
            "refiner",
            "reviewer",
        ]


def test_what_a_session_tells_is_plain_data(nested: Any) -> None:
    with debug(nested, "p") as session:
        session.break_on("check", when="count == 1")
        session.step()
        assert session.stop is not None
        for each in (
            session.stop,
            *session.visits(),
            *session.branches(),
            *session.breakpoints(),
            *session.frames,
        ):
            assert type(each).model_validate_json(each.model_dump_json()) == each


def test_the_graph_is_left_as_it_was(nested: Any) -> None:
    app = nested.compile(interrupt_before=["last"])

    def shape(graph: Any) -> dict[str, Any]:
        found = {}
        for name, node in graph.nodes.items():
            inner = node.bound
            found[name] = (
                id(node),
                id(inner),
                [id(writer) for writer in node.writers],
                node.retry_policy,
                node.timeout,
                shape(inner) if hasattr(inner, "nodes") else None,
            )
        return {**found, "": (graph.checkpointer, graph.interrupt_before_nodes, id(graph.builder))}

    before = shape(app)
    with debug(app, "p") as session:
        session.until("check")
        session.set("log", ["edited"])
        session.fork(name="other").go()
        session.go()
    assert shape(app) == before
    assert app.invoke({"problem": "p"}) == {"problem": "p", "log": app.invoke({"problem": "p"})["log"]}


def test_an_uncompiled_graph_can_still_be_added_to(line: Any) -> None:
    graph = line(one="1")
    with debug(graph, "p") as session:
        session.go()
    graph.add_node("more", lambda state: {"log": ["more"]})
    graph.add_edge("one", "more")
    assert graph.compile().invoke({"problem": "p", "log": []})["log"] == ["1", "more"]


def test_two_sessions_at_once_do_not_hear_of_each_other(line: Any, at: At) -> None:
    model = scripted(lambda messages, sample: messages[-1]["content"].upper())

    async def shout(state: Any) -> dict[str, Any]:
        return {"said": (await model.ainvoke(state["problem"])).content}

    app = line(shout=shout, last="last").compile()
    with debug(app, "a") as one, debug(app, "b") as other:
        one.break_before("last")
        one.step()
        other.go()
        assert (at(one), at(other)) == ("prompt shout", "done")
        one.go()
        assert (at(one), one.state["said"], other.state["said"]) == ("before last", "A", "B")
        assert [turn.completion for turn in one.run_record.turns()] == ["A"]
        assert not other.breakpoints()


def test_a_directory_is_a_session_and_tells_its_settings(line: Any, tmp_path: Path) -> None:
    with debug(line(one="1"), TASK, store=tmp_path / "s", about={"of": "me"}) as session:
        assert session.path == tmp_path / "s"
    assert is_session(tmp_path / "s")
    settings = session_settings(tmp_path / "s")
    assert settings["about"] == {"of": "me"}
    assert Task.model_validate(settings["task"]) == TASK
    with pytest.raises(StoreError, match="no session"):
        session_settings(tmp_path)


def test_a_session_is_driven_by_one_process_or_object_at_a_time(line: Any, tmp_path: Path) -> None:
    with debug(line(one="1"), "p", store=tmp_path), pytest.raises(StoreError, match="being written"):
        debug(line(one="1"), store=tmp_path)


REFUSED: dict[str, tuple[Callable[[Session], Any], str]] = {
    "a misspelt node": (lambda s: s.break_on("solvr"), "no node 'solvr'; did you mean 'solver'"),
    "a misspelt node to go to": (lambda s: s.until("crtic"), "did you mean 'critic'"),
    "a misspelt field in a condition": (lambda s: s.break_on(when="cout == 1"), "did you mean 'count'"),
    "a misspelt field": (lambda s: s.set("cout", 1), "did you mean 'count'"),
    "a misspelt field of a fork": (lambda s: s.fork({"cout": 1}), "did you mean 'count'"),
    "a breakpoint on nothing": (lambda s: s.break_on(), "a breakpoint needs"),
    "a score that is no comparison": (lambda s: s.break_on(score="half"), "no comparison"),
    "an unknown breakpoint": (lambda s: s.clear(9), "no breakpoint 9"),
    "an unknown visit": (lambda s: s.fork(at=7), "no visit 7"),
    "the changes of an unknown visit": (lambda s: s.changes(7), "no visit 7"),
    "a state after what has not ended": (lambda s: s.fork(at=(1, "after")), "has not ended"),
    "a side that there is not": (lambda s: s.fork(at=(1, "beside")), "'before', 'prompt' or 'after'"),
    "up from the outermost graph": (lambda s: s.up(), "outermost"),
    "down from the innermost": (lambda s: s.down(), "innermost"),
    "an answer to no question": (lambda s: s.answer(1), "nothing is asked"),
    "words where no model is asked": (lambda s: s.say("x"), "no model call is held"),
    "an edit of no prompt": (lambda s: s.edit_prompt(text="x"), "no model call is held"),
    "a retry of what did not fail": (lambda s: s.retry(), "no node failed"),
    "an unknown branch": (lambda s: s.switch("zz"), "no branch 'zz'"),
    "a taken name": (lambda s: s.fork(name="main"), "'main' already"),
    "renaming to a taken name": (lambda s: s.rename("main"), "'main'"),
    "no name": (lambda s: s.rename(""), "needs a name"),
    "dropping the branch that is looked at": (lambda s: s.drop("main"), "switch to another"),
    "no samples": (lambda s: s.resample(0), "from 1 on"),
    "an unknown setting": (lambda s: s.sample_with("solver", heat=2), "no setting 'heat'"),
    "a rewrite of nothing": (lambda s: s.rewrite("solver", "", "x"), "which text"),
    "a message that there is not": (lambda s: s.edit_message(0, "x"), "no message"),
}


@pytest.mark.parametrize(("action", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_in_one_sentence_and_changes_nothing(
    line: Any, at: At, action: Callable[[Session], Any], said: str
) -> None:
    with debug(line(solver="1", critic="2"), "p") as session:
        with pytest.raises(UserError, match=said):
            action(session)
        assert (at(session), session.breakpoints(), len(session.branches())) == ("before solver", [], 1)
        assert session.branches()[0].edits == 0
        session.go()
        assert (session.status, session.state["log"]) == ("done", ["1", "2"])


def test_a_branch_that_has_ended_says_how_to_go_back(line: Any) -> None:
    with debug(line(one="1"), "p") as session:
        session.go()
        for action in (session.go, session.step, lambda: session.set("said", "x")):
            with pytest.raises(UserError, match=r"has ended; fork\(at="):
                action()


@pytest.mark.parametrize("given", [None, 3])
def test_there_must_be_something_to_debug(line: Any, given: Any) -> None:
    with pytest.raises(UserError):
        debug(line(one="1"), given)


def test_an_input_with_a_field_that_there_is_not_is_refused(line: Any) -> None:
    with pytest.raises(UserError, match="'problm'"):
        debug(line(one="1"), {"problm": "p"})


def test_a_run_that_is_no_session_is_not_taken_for_one(line: Any, tmp_path: Path) -> None:
    graph = one_shot(scripted(["answer: 5"]))
    rollout(graph, [TASK], verifier=exact, store=tmp_path / "run", progress=False).close()
    with pytest.raises(StoreError, match="run="):
        debug(line(one="1"), "p", store=tmp_path / "run")


def test_a_closed_session_says_so(line: Any) -> None:
    session = debug(line(one="1"), "p")
    session.close()
    session.close()
    with pytest.raises(TutelageError, match="closed"):
        session.go()
