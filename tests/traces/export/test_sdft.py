from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.traces.export import export


def rows(toy: Any, to: str = "sdft", **options: Any) -> list[tuple[str, str]]:
    return [
        (row["prompt"][-1]["content"], row["privileged_context"]) for row in export(toy.run, to, **options)
    ]


@pytest.fixture
def tutored(toy: Any) -> Any:
    recorder = toy.begin(problem="6 times 7?", solution="6*7=42")
    (first,) = toy.solve(recorder, ("6*7=41", False))
    hint = toy.say(recorder, "teacher", "Help with 6*7=41, knowing 6*7=42", "count again", parents=[first.id])
    again = toy.say(recorder, "solver", "6 times 7? Hint: count again", "42", parents=[hint.id])
    toy.judge(recorder, again, True)
    recorder.finish()
    return toy


@pytest.mark.parametrize("to", ["sdft", "sdpo"])
def test_the_prompt_is_bare_and_the_rest_of_what_was_read_is_privileged(tutored: Any, to: str) -> None:
    assert rows(tutored, to, roles="solver") == [("6 times 7?", "count again")]
    data = export(tutored.run, to, roles="solver")
    (row,) = data
    assert (row["context"], row["policy"]) == ("root", "0123456789abcdef")
    assert data.counts.dropped == {
        "are not by solver": 1,
        "saw nothing besides the bare context": 1,
    }


def test_everything_quoted_is_there_in_its_order(tutored: Any) -> None:
    assert rows(tutored, roles="teacher") == [("6 times 7?", "6*7=41\n\n6*7=42")]


def test_the_tasks_own_solution_the_feedback_or_a_function_can_be_privileged(tutored: Any) -> None:
    assert set(rows(tutored, privileged="solution")) == {("6 times 7?", "6*7=42")}
    assert set(rows(tutored, privileged="reference")) == {("6 times 7?", "42")}
    feedback = rows(tutored, privileged="feedback", roles="solver")
    assert feedback == [("6 times 7?", "passed: False"), ("6 times 7?", "passed: True")]
    made = rows(tutored, privileged=lambda example: example.turn.completion[:1] or None)
    assert made == [("6 times 7?", "6"), ("6 times 7?", "4")]


def test_of_several_roles_only_turns_that_wrote_a_candidate_are_taken(tutored: Any) -> None:
    data = export(tutored.run, "sdft", privileged="solution", deduplicate=False)
    assert {row["role"] for row in data} == {"solver"}
    assert data.counts.dropped == {"wrote no candidate (name roles to take them)": 1}
    assert rows(tutored, privileged="solution", roles="teacher") == [("6 times 7?", "6*7=42")]


@pytest.mark.parametrize("reference", ["5", "proved", "at mos"])
def test_a_word_that_stands_in_a_prompt_by_chance_is_no_quotation(toy: Any, reference: str) -> None:
    recorder = toy.begin(problem="What is 2+3?", reference=reference)
    (first,) = toy.solve(recorder, ("answer: six", False))
    again = toy.say(
        recorder, "refiner", "Improved in at most 5, at best 150 words.", "answer: 4", parents=[first.id]
    )
    toy.judge(recorder, again, True)
    recorder.finish()
    assert rows(toy) == []


@pytest.mark.parametrize("to", ["sdft", "sdpo", "grpo", "prm"])
def test_a_template_check_that_would_check_nothing_is_refused(tutored: Any, to: str) -> None:
    with pytest.raises(UserError, match=f"'{to}' has no use for tokenizer='DIR': its "):
        export(tutored.run, to, tokenizer="DIR")


def test_a_function_that_gives_no_text_is_told(tutored: Any) -> None:
    with pytest.raises(UserError, match="must give a text or None"):
        rows(tutored, privileged=lambda example: 7)
