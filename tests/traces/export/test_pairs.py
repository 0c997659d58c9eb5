from typing import Any

import pytest

from tutelage import Score
from tutelage.errors import UserError
from tutelage.traces.export import export


def pairs(toy: Any, to: str = "dpo", **options: Any) -> list[tuple[str, str, str]]:
    """The last lines of prompt, chosen and rejected."""
    return [
        tuple(row[name][-1]["content"].splitlines()[-1] for name in ("prompt", "chosen", "rejected"))
        for row in export(toy.run, to, **options)
    ]


def test_outcomes_pair_right_and_wrong_of_one_context_each_once(toy: Any) -> None:
    recorder = toy.begin(problem="Q")
    toy.solve(recorder, ("a", True), ("b", False), ("c", True))
    recorder.finish()
    again = toy.begin(problem="Q", repeat=1)
    toy.solve(again, ("d", False), ("e", False), ("f", None))
    again.finish()
    assert pairs(toy) == [("Q", "a", "b"), ("Q", "c", "d")]
    assert len(pairs(toy, reuse=True)) == 2 * 3


def test_values_pair_the_highest_with_the_lowest_by_a_margin(toy: Any) -> None:
    recorder = toy.begin(problem="Q")
    for text, value in (("a", 0.1), ("b", 0.9), ("c", 0.5), ("d", 0.6)):
        turn = toy.say(recorder, "solver", "Q", text)
        recorder.score(Score(name="judge", value=value), subject="turn", subject_id=turn.id)
    recorder.finish()
    assert pairs(toy, by="value") == [("Q", "b", "a"), ("Q", "d", "c")]
    assert pairs(toy, by="value", margin=0.5) == [("Q", "b", "a")]
    (row,) = export(toy.run, "reward", by="value", margin=0.5, with_margin=True)
    assert row["margin"] == pytest.approx(0.8)


def test_a_refinement_is_set_against_what_it_was_made_from_whichever_is_better(toy: Any) -> None:
    for name, before, after in (("t1", False, True), ("t2", True, False), ("t3", True, True)):
        recorder = toy.begin(name, problem="Q")
        (first,) = toy.solve(recorder, ("before", before))
        toy.refine(recorder, first, toy.review(recorder, first, said=False), ("after", after))
        recorder.finish()
    assert pairs(toy, pairs="refinement") == [("Q", "after", "before"), ("Q", "before", "after")]
    rows = list(export(toy.run, "dpo", pairs="refinement"))
    assert [row["context"] for row in rows] == ["before", "before"]
    assert [row["role"] for row in rows] == ["refiner", "solver"]


def test_a_solution_is_in_one_pair_with_its_refinements_unless_told_otherwise(toy: Any) -> None:
    recorder = toy.begin(problem="Q")
    (first,) = toy.solve(recorder, ("before", False))
    for text in ("one", "two"):
        toy.refine(recorder, first, toy.review(recorder, first, said=False), (text, True))
    recorder.finish()
    assert pairs(toy, pairs="refinement") == [("Q", "one", "before")]
    assert len(pairs(toy, pairs="refinement", reuse=True)) == 2


@pytest.mark.parametrize("to", ["dpo", "reward"])
def test_the_same_completion_on_both_sides_is_no_pair(toy: Any, to: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "calc", "arguments": "{}"}}
    for repeat, passed in enumerate((True, False)):
        recorder = toy.begin(repeat=repeat)
        toy.judge(recorder, toy.say(recorder, "judge", "Is it right?", "yes"), passed)
        called = [{**call, "id": f"c{repeat}"}]
        toy.judge(recorder, toy.say(recorder, "caller", "Call.", "", tool_calls=called), passed)
        recorder.finish()
    data = export(toy.run, to)
    assert list(data) == []
    assert str(data.counts) == "kept 0 of 2 pairs, because 2 have the same completion on both sides"


def test_completions_with_other_tools_in_hand_are_not_compared(toy: Any) -> None:
    recorder = toy.begin()
    for name, passed in (("search", True), ("delete", False)):
        tool = {"type": "function", "function": {"name": name, "parameters": {}}}
        toy.judge(recorder, toy.say(recorder, "solver", "Q", name, tools=[tool]), passed)
    recorder.finish()
    assert pairs(toy) == []


def test_verdicts_pair_reviews_of_one_solution(toy: Any) -> None:
    recorder = toy.begin()
    (solution,) = toy.solve(recorder, ("a", False))
    toy.review(recorder, solution, said=True, text="glance ")
    toy.review(recorder, solution, said=False, text="look ")
    recorder.finish()
    assert pairs(toy, pairs="verdict") == [("Check a", "look verdict: wrong", "glance verdict: right")]


def test_forks_pair_turns_of_one_rollout_by_what_came_of_them(toy: Any) -> None:
    recorder = toy.begin()
    for plan, passed in (("good plan", True), ("bad plan", False)):
        turn = toy.say(recorder, "planner", "Plan.", plan)
        solution = toy.say(recorder, "solver", f"Do the {plan}.", f"{plan} done", parents=[turn.id])
        toy.judge(recorder, solution, passed)
    recorder.score(Score(name="exact", value=1.0, passed=True))
    recorder.finish()
    assert pairs(toy, pairs="fork", roles="planner") == [("Plan.", "good plan", "bad plan")]


def test_forks_of_different_rollouts_are_no_pairs(toy: Any) -> None:
    for repeat, passed in enumerate((True, False)):
        recorder = toy.begin(repeat=repeat)
        toy.solve(recorder, (f"a{repeat}", passed))
        recorder.finish()
    assert pairs(toy, pairs="fork") == []
    assert len(pairs(toy)) == 1


def test_steps_pair_solutions_that_part_at_a_right_and_a_wrong_step(toy: Any) -> None:
    recorder = toy.begin(problem="Q")
    toy.solve(
        recorder,
        ("one\ntwo\nthree\nanswer: 1", True),
        ("one\ntwo\nwrong\nanswer: 2", False),
        ("wrong\nx\nanswer: 3", False),
    )
    recorder.finish()
    (row, *rest) = export(toy.run, "dpo", pairs="step", reuse=True)
    assert (row["step"], row["pair"], row["context"]) == (3, "step", "recorded")
    assert (row["chosen"][0]["content"][-1], row["rejected"][0]["content"][-1]) == ("1", "2")
    assert [other["step"] for other in rest] == [1, 1]
    assert len(pairs(toy, pairs="step")) == 1


def test_pairs_name_where_both_sides_come_from(looping: Any) -> None:
    for row in export(looping.run, "dpo"):
        better, worse = (looping.run.turn(row[name]) for name in ("turn_id", "rejected_turn_id"))
        assert (better.completion, worse.completion) == (
            row["chosen"][0]["content"],
            row["rejected"][0]["content"],
        )
        assert row["rejected_row_id"] == f"{looping.run.id}/{worse.id}"
        assert row["rejected_rollout_id"] == worse.rollout_id
        assert '"passed": false' in row["rejected_scores"]


def test_reward_rows_are_dpo_rows(looping: Any) -> None:
    assert pairs(looping, "reward") == pairs(looping, "dpo")


def test_pairs_are_counted_as_pairs_from_turns(looping: Any) -> None:
    data = export(looping.run, "dpo", per_task=1, roles="solver", heldout=["What is t1?"], ngram=0)
    assert len(list(data)) == 2
    assert str(data.counts) == "kept 2 of 3 pairs, because 1 repeat a held-out problem"
    assert data.report().splitlines()[1] == "from 6 of 12 turns, because 6 are not by solver"


def test_an_unknown_kind_of_pairs_is_told(looping: Any) -> None:
    with pytest.raises(UserError, match="option 'pairs'"):
        export(looping.run, "dpo", pairs="best")
