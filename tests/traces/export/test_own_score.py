import json
from typing import Any

import pytest
from tests.traces.export.conftest import speak, user

from tutelage import Score, Task
from tutelage.errors import UserError
from tutelage.traces import Store
from tutelage.traces.export import export


def labels(toy: Any, **options: Any) -> dict[str, bool]:
    return {row["turn_id"]: row["label"] for row in export(toy.run, "kto", **options)}


def test_a_solution_has_its_candidates_score_and_not_the_rollouts(toy: Any) -> None:
    recorder = toy.begin()
    right, wrong = toy.solve(recorder, ("a", True), ("b", False))
    recorder.score(Score(name="exact", value=1.0, passed=True))
    recorder.finish()
    assert labels(toy) == {right.id: True, wrong.id: False}


@pytest.mark.parametrize(
    ("truth", "said", "agrees"),
    [
        (True, True, True),
        (True, False, False),
        (False, False, True),
        (False, True, False),
        (True, None, False),
    ],
)
def test_a_review_is_right_where_its_verdict_agrees_with_the_truth(
    toy: Any, truth: bool, said: bool | None, agrees: bool
) -> None:
    recorder = toy.begin()
    (solution,) = toy.solve(recorder, ("a", truth))
    review = toy.review(recorder, solution, said)
    recorder.score(Score(name="exact", value=1.0, passed=True))
    recorder.finish()
    assert labels(toy)[review.id] is agrees


def test_a_verdict_on_a_solution_of_unknown_truth_has_no_score(toy: Any) -> None:
    recorder = toy.begin()
    (solution,) = toy.solve(recorder, ("a", None))
    review = toy.review(recorder, solution, said=True)
    recorder.score(Score(name="exact", value=1.0, passed=True))
    recorder.finish()
    assert review.id not in labels(toy)


def test_a_review_judges_the_nearest_solution_that_it_builds_on(toy: Any) -> None:
    recorder = toy.begin()
    (first,) = toy.solve(recorder, ("wrong", False))
    review = toy.review(recorder, first, said=False)
    second = toy.refine(recorder, first, review, ("good", True))
    again = toy.review(recorder, second, said=True)
    recorder.finish()
    assert labels(toy) == {first.id: False, review.id: True, second.id: True, again.id: True}


def test_other_turns_have_the_rollouts_score(toy: Any) -> None:
    recorder = toy.begin()
    plan = toy.say(recorder, "planner", "Plan.", "first this")
    recorder.score(Score(name="exact", value=0.0, passed=False))
    recorder.finish()
    assert labels(toy) == {plan.id: False}


def test_a_score_of_the_turn_itself_comes_first(toy: Any) -> None:
    recorder = toy.begin()
    (solution,) = toy.solve(recorder, ("a", False))
    recorder.score(Score(name="exact", value=1.0, passed=True), subject="turn", subject_id=solution.id)
    recorder.finish()
    assert labels(toy) == {solution.id: True}


def test_of_several_verifiers_one_must_be_named(toy: Any) -> None:
    recorder = toy.begin()
    (solution,) = toy.solve(recorder, ("a", True))
    recorder.score(Score(name="strict", value=0.0, passed=False))
    recorder.finish()
    with pytest.raises(UserError, match=r"several verifiers .'exact', 'strict'.; name one"):
        export(toy.run, "kto")
    assert labels(toy, verifier="strict") == {solution.id: False}
    (row,) = export(toy.run, "kto", verifier="strict")
    assert [score["name"] for score in json.loads(row["scores"])] == ["exact", "strict"]


def test_the_verifier_that_the_run_was_judged_by_counts_where_none_is_named() -> None:
    with Store.memory().start_run({"verifier": {"name": "exact"}}) as run:
        recorder = run.begin(Task(id="t1", problem="Q"))
        speak(recorder, "solver", [user("Q")], "a")
        for name, passed in (("exact", True), ("strict", False)):
            recorder.score(Score(name=name, value=float(passed), passed=passed))
        recorder.finish()
        assert [row["label"] for row in export(run, "kto")] == [True]
        assert [row["label"] for row in export(run, "kto", verifier="strict")] == [False]


@pytest.mark.parametrize("to", ["sft", "atif"])
def test_of_one_name_the_score_that_was_given_last_counts(toy: Any, to: str) -> None:
    recorder = toy.begin()
    toy.say(recorder, "solver", "Q", "a")
    for passed in (True, False):
        recorder.score(Score(name="exact", value=float(passed), passed=passed))
    recorder.finish()
    with toy.run._store.database.transaction() as connection:
        connection.execute("UPDATE scores SET given = CASE passed WHEN 1 THEN 2.0 ELSE 1.0 END")
    assert len(list(export(toy.run, to, passed=True))) == 1


def test_scores_that_do_not_decide_stand_behind_those_that_do(toy: Any) -> None:
    recorder = toy.begin()
    (solution,) = toy.solve(recorder, ("a", True))
    recorder.score(Score(name="judge", value=0.3), subject="turn", subject_id=solution.id)
    recorder.finish()
    assert labels(toy) == {solution.id: True}
