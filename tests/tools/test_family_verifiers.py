import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.tools import FAMILIES, Verifier, family_answer, make_tasks, step_checker, steps
from tutelage.types import Task

CHAIN = Task(
    id="chain",
    problem="Compute 47 + 38, then * 6.",
    reference="510",
    solution="",
    family="arithmetic",
    difficulty=1,
)
COUNTDOWN = Task(
    id="game", problem="Reach 78 from 3, 25, 50.", reference="78", family="countdown", difficulty=2
)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("difficulty", [1, 3, 5])
def test_every_worked_solution_passes_both(family: str, difficulty: int) -> None:
    for task in make_tasks(family, difficulty, 5, seed=1):
        assert task.solution is not None
        score = step_checker.score(task, task.solution)
        assert (score.value, score.passed, score.feedback) == (1.0, True, None)
        assert score.steps == (1.0,) * len(steps(task.solution))
        assert family_answer.score(task, task.solution).passed


def test_each_step_up_to_the_first_wrong_one_is_judged() -> None:
    score = step_checker.score(CHAIN, "47+38=85\n\n85*6=520\nanswer: 520")
    assert (score.value, score.passed, score.steps) == (0.0, False, (1.0, 0.0, 0.0))
    assert score.feedback == "step 2 is wrong: 85*6=520"


def test_a_solution_that_breaks_off_is_missing_a_step() -> None:
    score = step_checker.score(CHAIN, "47+38=85\n85*6=510")
    assert (score.passed, score.steps, score.feedback) == (False, (1.0, 1.0), "step 3 is missing")
    assert step_checker.score(CHAIN, "").feedback == "step 1 is missing"


def test_the_outcome_alone_forgives_a_wrong_step() -> None:
    guessed = "47+38=90\nanswer: 510"
    assert family_answer.score(CHAIN, guessed).passed
    assert not step_checker.score(CHAIN, guessed).passed
    assert family_answer.score(CHAIN, "Answer: 510.0").passed


@pytest.mark.parametrize("answer", ["(3+25)+50", "50+25+3", "(50+3)+(25)"])
def test_any_expression_that_reaches_the_target_is_an_answer(answer: str) -> None:
    assert family_answer.score(COUNTDOWN, f"answer: {answer}").passed


@pytest.mark.parametrize(
    "answer", ["78", "50+25", "50+25+3+0", "50+25+(3", "3**25**50", "9" * 500, "__import__"]
)
def test_other_expressions_are_not(answer: str) -> None:
    assert family_answer.score(COUNTDOWN, f"answer: {answer}").passed is False


def test_votes_are_cast_in_canonical_form() -> None:
    for verifier in (family_answer, step_checker):
        assert isinstance(verifier, Verifier)
        assert verifier.answer("answer: 510.") == verifier.answer("Answer: 510") == "510"
        assert verifier.answer("answer: 50+25+3") == "50+25+3"
        assert verifier.answer("510") is None


def test_a_task_of_no_family_is_refused_with_the_families_there_are() -> None:
    task = Task(id="odd", problem="How many?", reference="3")
    for verifier in (family_answer, step_checker):
        with pytest.raises(UserError, match=r"'odd'.*arithmetic"):
            verifier.score(task, "answer: 3")


@given(st.sampled_from(sorted(FAMILIES)), st.text() | st.text(alphabet="0123456789+-*=()x:answer \n"))
def test_whatever_a_model_writes_gets_a_score(family: str, solution: str) -> None:
    task = make_tasks(family, 1, 1, seed=0)[0]
    score = step_checker.score(task, solution)
    assert score.steps is not None and len(score.steps) == len(steps(solution))
    assert family_answer.score(task, solution).passed in (True, False)
