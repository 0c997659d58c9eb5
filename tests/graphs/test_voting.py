from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.agents.roles import vote
from tutelage.graphs import elect

answers = st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=1)


def test_the_most_frequent_answer_wins_and_the_first_seen_among_equals() -> None:
    assert vote(["b", "a", "a", "b", "c"]) == "b"
    assert vote(["c", "a", "a"]) == "a"


def test_weights_decide_where_there_are_some() -> None:
    assert vote(["a", "b", "a"], [0.2, 0.5, 0.2]) == "b"


@settings(deadline=None)
@given(answers)
def test_no_answer_never_wins_against_an_answer(voters: list[str | None]) -> None:
    assert (vote(voters) is None) == all(each is None for each in voters)


@settings(deadline=None)
@given(answers)
def test_nobody_has_more_votes_than_the_winner(voters: list[str | None]) -> None:
    assert all(voters.count(vote(voters)) >= voters.count(each) for each in voters if each is not None)


def test_the_elected_candidate_is_the_first_or_the_best_scored_with_the_answer(pool: Any) -> None:
    candidates = pool((None, 1.0, None), ("7", 0.1, [0.5]), ("7", 0.4, [0.5]), ("8", 0.9, [0.2]))
    assert elect(candidates) is candidates[1]
    assert elect(candidates, weighted=True) is candidates[2]


def test_one_strong_candidate_outweighs_two_weak_ones(pool: Any) -> None:
    candidates = pool(("7", 0.1, [0.1]), ("7", 0.1, [0.1]), ("8", 0.9, [0.2]))
    assert elect(candidates)["answer"] == "7"
    assert elect(candidates, weighted=True)["answer"] == "8"


def test_without_any_answer_somebody_is_elected_all_the_same(pool: Any) -> None:
    candidates = pool((None, 0.1, None), (None, 0.4, None))
    assert elect(candidates) is candidates[0]
    assert elect(candidates, weighted=True) is candidates[1]
