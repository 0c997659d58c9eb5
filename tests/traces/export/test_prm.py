from typing import Any

from tutelage.traces.export import export


def test_a_row_is_a_solutions_steps_and_whether_each_is_right(looping: Any) -> None:
    right, wrong, *_ = export(looping.run, "prm", roles="solver")
    assert right["prompt"] == wrong["prompt"] == "What is t1?"
    assert right["completions"] == ["t1: a", "b", "answer: 42"]
    assert right["labels"] == [True, True, True]
    assert wrong["completions"] == ["t1: a", "wrong", "answer: 1"]
    assert wrong["labels"] == [True, False, True]


def test_what_follows_the_first_error_can_be_cut_and_labels_can_be_scores(looping: Any) -> None:
    rows = list(export(looping.run, "prm", roles="solver", after_error="cut", labels="float"))
    assert rows[1]["completions"] == ["t1: a", "wrong"]
    assert rows[1]["labels"] == [1.0, 0.0]
    assert len(rows[0]["labels"]) == 3


def test_a_context_of_several_messages_is_their_texts(toy: Any) -> None:
    recorder = toy.begin()
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q"}]
    toy.judge(recorder, toy.say(recorder, "solver", messages, "a"), True)
    recorder.finish()
    (row,) = export(toy.run, "prm")
    assert row["prompt"] == "Be brief.\n\nQ"


def test_turns_without_scored_steps_are_counted(looping: Any) -> None:
    data = export(looping.run, "prm")
    assert len(list(data)) == 9
    assert data.counts.dropped == {"wrote no candidate": 3}
