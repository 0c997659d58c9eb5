import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.tools import final_answer, steps


def test_steps_are_the_lines_that_hold_something() -> None:
    assert steps("47+38=85\n\n  85*6=510 \r\n\t\nanswer: 510") == ["47+38=85", "85*6=510", "answer: 510"]
    assert steps(" \n ") == []


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("2*9=18\nanswer: 18", "18"),
        ("ANSWER : 18 eggs.", "18 eggs."),
        ("The final Answer: 18", "18"),
        ("**Answer:** 18", "18"),
        ("**Answer**: **18**", "18"),
        ("So 9 * 2 = $<<9*2=18>>18\n#### 18", "18"),
        ("So she has 18.\nA: 18", "18"),
        ("A: 2*9=<<2*9=18>>18", "2*9=18"),
        (r"So it is $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a} and \boxed{b}", "b"),
        (r"\boxed{\boxed{5}}", "5"),
        ("\\boxed{\n7\n}", "7"),
        (r"answer: $\boxed{7}$", "7"),
        ("answer: 1\nno: answer: 2", "2"),
        ("answer: 17\nanswer:", "17"),
    ],
)
def test_an_announced_answer_is_found(solution: str, answer: str) -> None:
    assert final_answer(solution) == answer


@pytest.mark.parametrize(
    "solution",
    ["", "so it is 18", "answer:", "answer:\n18", "Plan A: go", "unanswered: 3", "##### 3", r"\boxed{3"],
)
def test_what_announces_no_answer_has_none(solution: str) -> None:
    assert final_answer(solution) is None


def test_the_last_marker_wins_whichever_it_is() -> None:
    assert final_answer("#### Step 1\nadd\n" + r"\boxed{7}") == "7"
    assert final_answer(r"\boxed{7}" + "\nanswer: 8") == "8"
    assert final_answer("answer: 8\n#### 9") == "9"


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    answer = final_answer(text)
    assert answer is None or answer.strip()
    assert all(line.strip() == line and line for line in steps(text))


@given(st.text(), st.integers())
def test_an_answer_line_at_the_end_is_always_the_answer(text: str, number: int) -> None:
    assert final_answer(f"{text}\nanswer: {number}") == str(number)


@pytest.mark.parametrize("piece", [r"\boxed{", "answer:\n", "{", "}", "A:", "<<", "answer" + " " * 50])
def test_hostile_text_is_read_in_linear_time(piece: str) -> None:
    started = time.perf_counter()
    final_answer(piece * 20_000)
    assert time.perf_counter() - started < 5
