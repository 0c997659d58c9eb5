import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.tools import Exact, Verifier, exact
from tutelage.types import Task

TASK = Task(id="1", problem="Which day?", reference="Tuesday")


@pytest.mark.parametrize(
    "answer", ["Tuesday", "tuesday.", "  TUESDAY ", '"Tuesday".', "**Tuesday**", "$Tuesday$"]
)
def test_writing_does_not_matter(answer: str) -> None:
    score = exact.score(TASK, f"answer: {answer}")
    assert (score.name, score.value, score.passed, score.feedback) == ("exact", 1.0, True, None)


@pytest.mark.parametrize("answer", ["Monday", "on Tuesday", "Tues day"])
def test_another_text_is_wrong(answer: str) -> None:
    score = exact.score(TASK, f"answer: {answer}")
    assert (score.value, score.passed) == (0.0, False)
    assert score.feedback is not None and "Tuesday" not in score.feedback.replace(answer, "")


def test_no_answer_is_no_vote_and_wrong() -> None:
    assert exact.answer("I do not know") is None
    assert exact.answer("answer: .") is None
    assert exact.score(TASK, "I do not know").feedback == "no answer was found"


@pytest.mark.parametrize("reference", [None, " "])
def test_a_task_without_reference_is_refused_by_name(reference: str | None) -> None:
    with pytest.raises(UserError, match=r"task 'lost' has no reference answer.*'exact'"):
        exact.score(Task(id="lost", problem="?", reference=reference), "answer: 1")


@given(st.text())
def test_the_vote_key_is_its_own_key(text: str) -> None:
    key = exact.answer(f"answer: {text}")
    if key is not None and exact.answer(f"answer: {key}") is not None:
        assert exact.answer(f"answer: {exact.answer(f'answer: {key}')}") == exact.answer(f"answer: {key}")


def test_it_is_a_verifier_with_a_name_of_ones_choice() -> None:
    assert isinstance(exact, Verifier)
    assert Exact(name="day").score(TASK, "answer: Tuesday").name == "day"
