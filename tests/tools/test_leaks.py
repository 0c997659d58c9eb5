from random import Random

import pytest

from tutelage.tools import FAMILIES, family_answer, find_leak, make_tasks, math_answer, numeric, step_checker
from tutelage.tools.families import family_of
from tutelage.types import Score, Task

TASK = Task(id="t", problem="Tom has 12 apples and buys 30. He eats 7.", reference="35")
WRONG = "12+30=41\n41-7=34\nanswer: 34"
EARLY = Score(name="steps", value=0.0, passed=False, steps=(0.0, 0.0, 0.0))
LATE = Score(name="steps", value=0.0, passed=False, steps=(1.0, 0.0, 0.0))


@pytest.mark.parametrize(
    "critique",
    [
        "answer: 35",
        "Line 1 is off.\nThe final answer should be 35.",
        "So the answer is **35**.",
        "35 is the correct answer",
        "12+30=42\n42-7=35\n#### 35",
        "copy this: \\boxed{35}",
        "the answer: $35.00",
    ],
)
@pytest.mark.parametrize("score", [None, EARLY, LATE])
def test_an_answer_in_final_form_leaks_whichever_step_was_wrong(critique: str, score: Score | None) -> None:
    leak = find_leak(critique, TASK, WRONG, verifier=numeric, score=score)
    assert leak
    assert leak.stated is not None


@pytest.mark.parametrize(
    "critique",
    [
        "1: 12+30 = 42, not 41\nverdict: wrong at step 1",
        "answer: 34",
        "The answer is not right. Look at line 1 again.",
        "step 35 is missing",
        "35: there is no such line",
        "in columns 35 4",
        "",
    ],
)
def test_help_without_the_answer_does_not_leak(critique: str) -> None:
    assert find_leak(critique, TASK, WRONG, verifier=numeric, score=LATE).mentioned is None


def test_the_answer_recomputed_in_its_own_line_is_checked_and_in_any_other_leaks() -> None:
    critique = "2: 42-7 = 35 not 34\nverdict: wrong at step 2"
    late = find_leak(critique, TASK, WRONG, verifier=numeric, score=LATE)
    assert (bool(late), late.mentioned, late.stated) == (False, "35", None)
    assert find_leak(critique, TASK, WRONG, verifier=numeric, score=EARLY)
    assert find_leak(critique, TASK, WRONG, verifier=numeric)


def test_what_the_solution_came_to_already_is_not_given_away() -> None:
    slip = "12+30=42\n42-7=35\nanswer: 53"
    assert not find_leak("3: 35 is the answer", TASK, slip, verifier=numeric)
    assert not find_leak("the answer is 35", TASK, "answer: 35", verifier=numeric)


def test_a_number_of_the_problem_leaks_only_where_it_is_said_to_be_the_answer() -> None:
    task = Task(id="t", problem="Tom has 12 apples, loses 5 and finds 5.", reference="12")
    assert not find_leak("12-5 = 7, not 8", task, "12-5=8\nanswer: 13", verifier=numeric)
    assert find_leak("the answer is 12", task, "12-5=8\nanswer: 13", verifier=numeric)


def test_an_expression_leaks_by_the_familys_own_rule() -> None:
    (task,) = make_tasks("countdown", difficulty=2, count=1, seed=5)
    solution = FAMILIES["countdown"].slip(task, Random(0))
    worked = (task.solution or "").splitlines()[-1]
    assert find_leak(worked.replace("answer:", "try"), task, solution, verifier=family_answer)
    assert not find_leak(f"it must make {task.reference}", task, solution, verifier=family_answer)


def test_an_answer_in_latex_leaks() -> None:
    task = Task(id="t", problem="Half of a third?", reference="\\frac{1}{6}")
    assert find_leak("the answer is $\\frac{1}{6}$", task, "answer: 1/5", verifier=math_answer)
    assert not find_leak("the answer is not $\\frac{1}{5}$", task, "answer: 1/5", verifier=math_answer)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_exact_reviews_do_not_leak_and_worked_solutions_do(family: str) -> None:
    rng, honest, told = Random(1), 0, 0
    tasks = make_tasks(family, difficulty=3, count=60, seed=2)
    pairs = [(task, family_of(task).slip(task, rng)) for task in tasks]
    wrong = [(task, slip) for task, slip in pairs if not family_answer.score(task, slip).passed]
    for task, slip in wrong:
        review, score = family_of(task).review(task, slip), step_checker.score(task, slip)
        honest += bool(find_leak(review, task, slip, verifier=family_answer, score=score))
        told += bool(find_leak(f"{review}\n{task.solution}", task, slip, verifier=family_answer, score=score))
    assert len(wrong) > 40
    assert honest <= 0.02 * len(wrong)
    assert told >= 0.95 * len(wrong)
