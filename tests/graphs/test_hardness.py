import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.agents import Solver
from tutelage.errors import UserError
from tutelage.graphs import Scale, combined, confidence, is_hard, low_confidence, low_quality
from tutelage.types import Task


def test_a_candidates_score_is_its_outcome_plus_the_product_of_its_steps(pool: Any) -> None:
    whole, without_steps, without_answer, unscored = pool(
        ("a", 0.6, [0.5, 0.4]), ("a", 0.6, None), (None, 0.6, [0.5]), ("a", None, None)
    )
    assert combined(whole) == pytest.approx(0.8)
    assert combined(without_steps) == 0.6
    assert combined(without_answer) == 0.6
    assert combined(unscored) == 0.0


def test_the_scale_is_mean_and_population_deviation() -> None:
    scale = Scale.from_scores([1.0, 2.0, 3.0, 4.0])
    assert scale.mean == 2.5
    assert scale.std == pytest.approx(math.sqrt(1.25))
    assert scale.normalised(2.5 + math.sqrt(1.25)) == pytest.approx(1.0)


def test_equal_scores_are_all_at_the_mean() -> None:
    assert Scale.from_scores([0.7, 0.7]).normalised(123.0) == 0.0


def test_a_scale_needs_scores() -> None:
    with pytest.raises(UserError, match="at least one score"):
        Scale.from_scores([])
    with pytest.raises(UserError, match="not a scale"):
        Scale(0.0, -1.0)


def test_condition_1_is_the_majoritys_mean_below_zero(pool: Any) -> None:
    candidates = pool(("a", 0.2, [0.5]), ("b", 0.9, [1.0]), ("a", 0.4, [0.5]))
    # the majority answer a has scores 0.7 and 0.9, 0.8 on average
    assert low_quality(candidates, Scale(0.81, 0.1))
    assert not low_quality(candidates, Scale(0.79, 0.1))
    assert low_quality(candidates, Scale(0.79, 0.1), threshold=0.2)


def test_condition_1_counts_heads_not_scores_and_takes_the_first_of_equals(pool: Any) -> None:
    candidates = pool(("a", 0.1, [0.0]), ("b", 1.0, [1.0]))
    assert low_quality(candidates, Scale(0.5, 1.0))
    assert not low_quality(candidates[::-1], Scale(0.5, 1.0))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([5.0], 1.0),
        ([1.0, 1.0], 2 / 3),  # H = ln 2, 2·(1 - 2/3)
        ([2.0, 2.0, 2.0], 1 / 2),
        ([1.0, 1.0, 1.0, 1.0], 2 / 5),
        ([3.0, 1.0], 2 / (1 + 4 / 3**0.75)),  # e^H = 4 / 3^(3/4)
        ([1.0, 0.0], 1.0),
        ([0.0, 0.0], 2 / 3),
    ],
)
def test_confidence_is_that_of_the_entropy(weights: list[float], expected: float) -> None:
    assert confidence(weights) == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_confidence_lies_between_zero_and_one_and_does_not_depend_on_the_unit(weights: list[float]) -> None:
    assert 0.0 < confidence(weights) <= 1.0
    if sum(weights) > 1e-6:
        assert confidence(weights) == pytest.approx(confidence([3 * each for each in weights]))


def test_condition_2_holds_when_either_distribution_is_too_even(pool: Any) -> None:
    even, clear = 0.5, [0.0, 0.0, 0.0, 1.0]
    outcomes_even = pool(*((answer, even, [product]) for answer, product in zip("abcd", clear, strict=True)))
    products_even = pool(*((answer, value, [even]) for answer, value in zip("abcd", clear, strict=True)))
    both_clear = pool(*((answer, value, [value]) for answer, value in zip("abcd", clear, strict=True)))
    assert low_confidence(outcomes_even)
    assert low_confidence(products_even)
    assert not low_confidence(both_clear)
    assert not low_confidence(outcomes_even, threshold=0.4 - 1e-9)


def test_condition_2_sums_over_the_candidates_of_an_answer(pool: Any) -> None:
    assert low_confidence(pool(*((answer, 0.5, None) for answer in "abcd")))
    assert not low_confidence(
        pool(*((answer, 0.5, None) for answer in "aaaaabcd"))
    )  # 2 / (1 + 8 / 5^(5/8)) = 0.509


def test_a_candidate_without_an_answer_is_an_outcome_of_its_own(pool: Any) -> None:
    three = [(answer, 0.5, None) for answer in "abc"]
    assert not low_confidence(pool(*three), threshold=0.49)
    assert low_confidence(pool(*three, (None, 0.5, None)), threshold=0.49)


def test_candidates_without_any_answer_are_hard(pool: Any) -> None:
    assert is_hard(pool((None, 1.0, [1.0]), (None, 1.0, [1.0])), Scale(0.0, 1.0))


def test_hard_means_both(pool: Any) -> None:
    unsure = pool(*((answer, 0.5, [0.5]) for answer in "abcd"))
    sure = pool(*(("a", 0.5, [0.5]) for _ in range(4)))
    low, high = Scale(0.0, 1.0), Scale(2.0, 1.0)
    assert is_hard(unsure, high)
    assert not is_hard(unsure, low)
    assert not is_hard(sure, high)


def test_scores_below_zero_are_refused_with_what_to_do(pool: Any) -> None:
    with pytest.raises(UserError, match="values from 0 to 1"):
        low_confidence(pool(("a", -0.5, None), ("b", 0.5, None)))


async def test_a_scale_is_measured_on_the_first_sample_of_every_task(speaker: Any, table: Any) -> None:
    says = {"solver": lambda prompt, sample: "answer: a" if "first" in prompt else "answer: b"}
    scorer = table({"a": (0.5, (0.5, 0.5)), "b": (1.0, (0.25,))})
    tasks = [Task(id=name, problem=name) for name in ("first", "second")]
    scale = await Scale.measure(Solver(speaker(says).model()), tasks, scorer)
    assert scale == Scale(1.0, 0.25)
