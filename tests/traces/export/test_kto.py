from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.traces.export import export


def test_a_label_says_whether_the_turns_own_score_passed(looping: Any) -> None:
    rows = list(export(looping.run, "kto"))
    assert list(rows[0])[:3] == ["prompt", "completion", "label"]
    assert [(row["role"], row["label"]) for row in rows[:4]] == [
        ("solver", True),
        ("solver", False),
        ("reviewer", True),
        ("refiner", True),
    ]


def test_what_is_neither_right_nor_wrong_is_left_out(toy: Any) -> None:
    recorder = toy.begin()
    toy.solve(recorder, ("a", True), ("b", None))
    recorder.finish()
    data = export(toy.run, "kto")
    assert [row["label"] for row in data] == [True]
    assert data.counts.dropped == {"have no verdict": 1}


def test_a_completion_that_is_right_here_and_wrong_there_is_both_and_counted(toy: Any) -> None:
    for repeat, passed in enumerate((True, False, True)):
        recorder = toy.begin(repeat=repeat)
        toy.judge(recorder, toy.say(recorder, "planner", "Plan.", "by halves"), passed)
        recorder.finish()
    data = export(toy.run, "kto", deduplicate=False)
    assert [row["label"] for row in data] == [True, False, True]
    assert "1 completions of one prompt are right in one place and wrong in another" in data.report()
    assert [row["label"] for row in export(toy.run, "kto")] == [True, False]


def test_a_run_without_verdicts_is_refused(toy: Any) -> None:
    recorder = toy.begin()
    toy.solve(recorder, ("a", None))
    recorder.finish()
    with pytest.raises(UserError, match="has no verdicts"):
        export(toy.run, "kto")
