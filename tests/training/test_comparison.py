from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.graphs import one_shot, rollout
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.training import Comparison, compare, evaluate, mcnemar, newcombe
from tutelage.types import Task

ModelThat = Callable[[str], ChatModel]


@pytest.fixture
def compared(tasks: list[Task], model_that: ModelThat) -> Comparison:
    return compare(model_that("even"), model_that("right"), tasks, verifier=exact, progress=False)


def test_models_are_paired_on_the_same_tasks(compared: Comparison) -> None:
    assert (compared.both, compared.wrong_to_right, compared.right_to_wrong, compared.neither) == (5, 5, 0, 0)
    assert compared.difference == 0.5
    assert compared.interval == newcombe(5, 0, 5, 0)
    assert compared.p_value == mcnemar(0, 5)


def test_the_print_says_difference_interval_and_p(compared: Comparison) -> None:
    text = str(compared)
    assert "difference  +50.0 points (95 % interval +11.7 to +76.3, Newcombe, paired)" in text
    assert "p-value     0.062 (McNemar, exact)" in text
    assert "5 wrong→right, 0 right→wrong" in text


def test_the_other_way_round_everything_is_mirrored(tasks: list[Task], model_that: ModelThat) -> None:
    found = compare(model_that("right"), model_that("even"), tasks, verifier=exact, progress=False)
    assert (found.wrong_to_right, found.right_to_wrong, found.difference) == (0, 5, -0.5)


def test_runs_and_evaluations_compare_without_tasks(
    tasks: list[Task], model_that: ModelThat, refined: Run
) -> None:
    first = evaluate(model_that("even"), tasks, verifier=exact, progress=False)
    found = compare(first, refined)
    assert (found.wrong_to_right, found.right_to_wrong, found.n) == (3, 0, 10)


def test_tasks_that_one_side_lacks_are_left_out_and_counted(
    tasks: list[Task], model_that: ModelThat, refined: Run
) -> None:
    first = evaluate(model_that("even"), tasks[:6], verifier=exact, progress=False)
    found = compare(first, refined)
    assert (found.n, found.unpaired) == (6, 4)
    assert "4 tasks that only one side has" in str(found)


def test_runs_are_compared_on_the_tasks_asked_for(tasks: list[Task], refined: Run) -> None:
    assert compare(refined, refined, tasks[:4]).n == 4


def test_several_samples_are_compared_over_tasks(tasks: list[Task], model_that: ModelThat) -> None:
    first, second = (
        rollout(one_shot(model_that(name)), tasks, verifier=exact, repeats=2, progress=False)
        for name in ("even", "right")
    )
    found = compare(first, second)
    assert found.difference == 0.5
    assert (found.interval_method, found.test) == ("bootstrap over tasks", "sign flip over tasks")
    assert found.interval.low > 0.0


def test_models_need_tasks(model_that: ModelThat) -> None:
    with pytest.raises(UserError, match="tasks"):
        compare(model_that("even"), model_that("right"))


def test_sides_without_a_common_task_are_refused(tasks: list[Task], model_that: ModelThat) -> None:
    first = evaluate(model_that("even"), tasks[:5], verifier=exact, progress=False)
    second = evaluate(model_that("even"), tasks[5:], verifier=exact, progress=False)
    with pytest.raises(UserError, match="no task in common"):
        compare(first, second)


def test_different_verifiers_are_refused(tasks: list[Task], model_that: ModelThat) -> None:
    first = evaluate(model_that("even"), tasks, verifier=exact, progress=False)
    with pytest.raises(UserError, match="one verifier"):
        Comparison.of(first, first.model_copy(update={"verifier": "other"}))


def test_a_comparison_survives_json(compared: Comparison, tmp_path: Path) -> None:
    assert Comparison.model_validate_json(compared.model_dump_json()) == compared
