from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage import errors
from tutelage.training import (
    bootstrap_mean,
    holm,
    maj_at_k,
    mcnemar,
    mean_at_k,
    mean_interval,
    newcombe,
    pass_at_k,
    share_interval,
    sign_flip,
    wilson,
)

counts = st.integers(0, 60)
tables = st.tuples(counts, counts, counts, counts).filter(any)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_values_of_newcombe_1998_table_1(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_no_trials_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.5, 0.999))
def test_wilson_holds_the_share_and_mirrors(passed: int, failed: int, confidence: float) -> None:
    low, high = wilson(passed, passed + failed, confidence)
    assert 0.0 <= low <= high <= 1.0
    if passed + failed:
        assert low <= passed / (passed + failed) <= high
    mirrored = wilson(failed, passed + failed, confidence)
    assert mirrored == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("arguments", [(-1, 3), (4, 3), (1, 3, 0.0), (1, 3, 1.0)])
def test_wilson_refuses_what_cannot_be(arguments: tuple[int, int]) -> None:
    with pytest.raises(errors.UserError):
        wilson(*arguments)


def test_mcnemar_gives_the_published_value_of_bentur_2009() -> None:
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)


def test_mcnemar_without_discordant_pairs_is_one() -> None:
    assert mcnemar(0, 0) == 1.0


def test_mcnemar_stays_exact_for_thousands_of_pairs() -> None:
    assert 0.0487 < mcnemar(5000, 5200) < 0.0489


@given(st.integers(0, 80), st.integers(0, 80))
def test_mcnemar_is_twice_the_smaller_tail_of_a_fair_coin(one: int, other: int) -> None:
    n = one + other
    tail = sum(comb(n, chosen) for chosen in range(min(one, other) + 1))
    assert mcnemar(one, other) == mcnemar(other, one) == pytest.approx(min(1.0, 2 * tail / 2**n))


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((14, 0, 5, 22), 0.011, 0.226),
        ((1, 7, 1, 12), -0.507, -0.026),
        ((20, 2, 12, 16), 0.0562, 0.3292),
        ((0, 0, 54, 0), 0.9061, 1.0),
    ],
)
def test_newcombe_gives_published_values(table: tuple[int, int, int, int], low: float, high: float) -> None:
    assert newcombe(*table) == pytest.approx((low, high), abs=5e-4)


@given(tables)
def test_newcombe_holds_the_difference_and_mirrors(table: tuple[int, int, int, int]) -> None:
    both, before, after, neither = table
    low, high = newcombe(*table)
    assert -1.0 <= low <= high <= 1.0
    assert low - 1e-9 <= (after - before) / sum(table) <= high + 1e-9
    assert newcombe(both, after, before, neither) == pytest.approx((-high, -low))


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_sample(samples: int, data: st.DataObject) -> None:
    correct, k = data.draw(st.integers(0, samples)), data.draw(st.integers(1, samples))
    draws = list(combinations(range(samples), k))
    share = sum(min(draw) < correct for draw in draws) / len(draws)
    assert pass_at_k(samples, correct, k) == pytest.approx(share)


@pytest.mark.parametrize("arguments", [(5, 6, 1), (5, 1, 6), (5, 1, 0), (5, -1, 1)])
def test_pass_at_k_refuses_what_cannot_be(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(errors.UserError):
        pass_at_k(*arguments)


def test_a_majority_wins_and_none_does_not_vote() -> None:
    assert maj_at_k([None, None, None, "7", "7", "8"], [False, False, False, True, True, False], 6) == 1.0


def test_of_equally_frequent_answers_the_earliest_wins() -> None:
    assert maj_at_k(["8", "7", "8", "7"], [False, True, False, True], 4) == 0.0


def test_a_vote_of_nobody_is_wrong() -> None:
    assert maj_at_k([None, None], [False, False], 2) == 0.0


def test_votes_are_taken_in_blocks_and_the_rest_is_left_out() -> None:
    answers = ["7", "7", "8", "8", "7"]
    assert maj_at_k(answers, [answer == "7" for answer in answers], 2) == 0.5


def test_mean_at_k_reads_the_first_k() -> None:
    assert mean_at_k([True, False, False, False], 2) == 0.5


def test_a_bootstrap_is_reproducible_and_holds_the_mean() -> None:
    values = [0.0, 0.25, 0.5, 1.0] * 25
    low, high = bootstrap_mean(values, draws=500)
    assert low < sum(values) / len(values) < high
    assert (low, high) == bootstrap_mean(values, draws=500)


def test_sign_flip_agrees_with_mcnemar_where_both_apply() -> None:
    differences = [1.0] * 12 + [-1.0] * 3 + [0.0] * 30
    assert sign_flip(differences) == pytest.approx(mcnemar(3, 12), abs=0.01)


def test_sign_flip_of_no_difference_is_one() -> None:
    assert sign_flip([0.0, 0.0]) == 1.0


def test_holm_gives_the_values_of_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_makes_a_p_value_smaller_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    assert [adjusted[at] for at in order] == sorted(adjusted)


def test_one_trial_a_task_is_wilsons() -> None:
    assert share_interval([1, 0, 1, 0], [1, 1, 1, 0]) == wilson(2, 3)
    assert mean_interval([1.0, 0.0, 1.0]) == wilson(2, 3)


def test_trials_of_a_task_are_not_taken_for_independent_ones() -> None:
    low, high = share_interval([8, 0] * 10, [8] * 20)
    naive = wilson(80, 160)
    assert low < naive.low and naive.high < high


def test_trials_that_all_end_alike_still_have_an_interval() -> None:
    assert share_interval([4, 4], [4, 4]) == wilson(2, 2)
    assert share_interval([0, 0], [4, 4]) == wilson(0, 2)
    assert share_interval([], []) == (0.0, 1.0)
