from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.traces.export import export
from tutelage.traces.export.advantages import Baseline, Scale, advantages


def groups(toy: Any, **options: Any) -> list[dict[str, Any]]:
    return list(export(toy.run, "grpo", form="groups", **options))


def test_prompts_are_one_row_each_with_what_a_reward_needs(looping: Any) -> None:
    rows = list(export(looping.run, "grpo", roles="solver"))
    assert [row["prompt"] for row in rows] == [
        [{"role": "user", "content": f"What is t{at}?"}] for at in (1, 2, 3)
    ]
    assert {(row["reference"], row["tries"], row["pass_rate"]) for row in rows} == {("42", 2, 0.5)}
    assert [row["family"] for row in rows] == ["odd", "even", "odd"]


def test_groups_hold_what_was_sampled_with_its_log_probabilities_and_advantages(toy: Any) -> None:
    for repeat, solutions in enumerate(([("a", True), ("bb", False)], [("c", True), ("d", True)])):
        recorder = toy.begin(repeat=repeat)
        toy.solve(recorder, *solutions)
        recorder.finish()
    rows = groups(toy)
    turns = toy.run.turns()
    expected = advantages([1.0, 0.0, 1.0, 1.0], "group")
    assert sum(expected) == pytest.approx(0)
    for row, turn, advantage in zip(rows, turns, expected, strict=True):
        assert row["prompt_ids"] == list(turn.prompt_token_ids)
        assert row["completion_ids"] == list(turn.completion_token_ids)
        assert row["completion_mask"] == [1] * len(turn.completion_token_ids)
        assert row["logprobs"] == list(turn.logprobs)
        assert row["advantages"] == pytest.approx([advantage] * len(turn.completion_token_ids))
    assert [row["reward"] for row in rows] == [1.0, 0.0, 1.0, 1.0]
    assert {row["group_id"] for row in rows} == {"1/solver"}
    assert [row["prompt"] for row in rows] == [[dict(each) for each in turn.messages] for turn in turns]


def test_context_tokens_have_no_log_probability_and_no_advantage(toy: Any) -> None:
    recorder = toy.begin()
    (first,) = toy.solve(recorder, ("b", False))
    ids = [*first.prompt_token_ids, *first.completion_token_ids, 4, 99, 5]
    messages = [*first.messages, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    second = toy.say(recorder, "solver", messages, "d", prompt_token_ids=ids)
    toy.judge(recorder, second, True)
    recorder.finish()
    (row,) = groups(toy)
    assert row["prompt_ids"] == list(first.prompt_token_ids)
    assert row["completion_mask"] == [1, 1, 0, 0, 0, 1, 1]
    assert row["logprobs"] == [*first.logprobs, 0.0, 0.0, 0.0, *second.logprobs]
    low, high = advantages([0.0, 1.0], "group")
    assert row["advantages"] == pytest.approx([low, low, 0, 0, 0, high, high])
    assert (row["turn_id"], row["reward"]) == (second.id, 1.0)


def test_roles_are_compared_with_themselves(looping: Any) -> None:
    rows = [row for row in groups(looping) if row["task_id"] == "t1"]
    assert [row["group_id"] for row in rows] == ["1/solver", "1/solver", "1/reviewer", "1/refiner"]
    assert [(row["role"], row["advantages"][0] > 0, row["advantages"][0] < 0) for row in rows] == [
        ("solver", True, False),
        ("solver", False, True),
        ("reviewer", False, False),
        ("refiner", False, False),
    ]


def test_flat_groups_and_other_roles_can_be_left_out(looping: Any) -> None:
    data = export(looping.run, "grpo", form="groups", flat=False)
    assert {row["role"] for row in data} == {"solver"}
    assert data.report().splitlines()[:2] == [
        "kept 6 of 6 rows",
        "from 6 of 12 turns, because 6 are in a group whose rewards are all the same",
    ]
    assert {row["role"] for row in groups(looping, train_on="refiner")} == {"refiner"}


def test_the_oldest_policy_in_a_row_is_its_version(toy: Any) -> None:
    for repeat, policy in enumerate(("new", "old", "new")):
        recorder = toy.begin(repeat=repeat)
        turn = toy.say(recorder, "solver", "Q", f"a{repeat}", policy=policy)
        toy.judge(recorder, turn, True)
        recorder.finish()
    assert [(row["policy"], row["model_version"]) for row in groups(toy)] == [
        ("new", 0),
        ("old", 1),
        ("new", 0),
    ]


def test_no_sampled_token_is_lost(looping: Any) -> None:
    data = export(looping.run, "grpo", form="groups")
    masks = [row["completion_mask"] for row in data]
    sampled = sum(len(turn.completion_token_ids or ()) for turn in looping.run.turns())
    assert sum(map(sum, masks)) == sampled
    assert data.tokens is not None
    assert (data.tokens.trained, data.tokens.lost, data.tokens.masked, data.tokens.dropped) == (
        sampled,
        0,
        0,
        0,
    )


def test_turns_without_rewards_or_log_probabilities_are_counted(toy: Any) -> None:
    recorder = toy.begin()
    toy.solve(recorder, ("a", True), ("b", None))
    turn = toy.say(recorder, "solver", "Q", "c", logprobs=None)
    toy.judge(recorder, turn, True)
    recorder.finish()
    data = export(toy.run, "grpo", form="groups")
    assert len(list(data)) == 1
    assert data.counts.dropped == {}
    assert data.report().splitlines()[1] == (
        "from 1 of 3 turns, because 1 have no reward, 1 have no log-probabilities"
    )


def test_prompts_with_other_tools_are_other_prompts(toy: Any) -> None:
    recorder = toy.begin()
    for name in ("search", "search", "delete"):
        tool = {"type": "function", "function": {"name": name, "parameters": {}}}
        toy.say(recorder, "solver", "Q", "a", tools=[tool])
    recorder.finish()
    assert [row["tries"] for row in export(toy.run, "grpo")] == [2, 1]


def test_turns_of_a_role_are_compared_with_those_at_the_same_place(toy: Any) -> None:
    for repeat, right in enumerate((True, False)):
        recorder = toy.begin(repeat=repeat)
        (first,) = toy.solve(recorder, ("a", right))
        ids = [*first.prompt_token_ids, *first.completion_token_ids, 4]
        messages = [*first.messages, {"role": "assistant", "content": "a"}, {"role": "user", "content": "c"}]
        second = toy.say(recorder, "solver", messages, "d", prompt_token_ids=ids)
        toy.judge(recorder, second, True)
        recorder.finish()
    rows = groups(toy, group_by="turn")
    assert [row["group_id"] for row in rows] == ["1/solver#2", "1/solver#2"]
    high, low = advantages([1.0, 0.0])
    for row, advantage in zip(rows, (high, low), strict=True):
        assert row["advantages"] == pytest.approx([advantage, advantage, 0, 0, 0])


def test_all_roles_of_a_task_can_be_one_group(looping: Any) -> None:
    rows = [row for row in groups(looping, group_by="task") if row["task_id"] == "t1"]
    assert {row["group_id"] for row in rows} == {"1"}
    expected = advantages([row["reward"] for row in rows])
    assert [row["advantages"][0] for row in rows] == pytest.approx(expected)


def test_a_run_without_ids_or_scores_is_refused(toy: Any) -> None:
    recorder = toy.begin()
    toy.say(recorder, "solver", "Q", "a", prompt_token_ids=None, completion_token_ids=None, logprobs=None)
    with pytest.raises(UserError, match="needs the token ids"):
        groups(toy)
    toy.say(recorder, "solver", "Q", "a")
    with pytest.raises(UserError, match="needs rewards"):
        groups(toy)


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    st.sampled_from(["group", "none"]),
    st.sampled_from(["mean", "others"]),
)
def test_advantages_sum_to_nothing_and_keep_the_order(
    rewards: list[float], scale: Scale, baseline: Baseline
) -> None:
    found = advantages(rewards, scale, baseline)
    assert sum(found) == pytest.approx(0, abs=1e-6)
    order = sorted(range(len(rewards)), key=rewards.__getitem__)
    assert all(found[a] <= found[b] for a, b in pairwise(order))


def test_a_reward_can_be_compared_with_the_mean_of_the_others() -> None:
    assert advantages([1.0, 0.0, 0.0], "none", "others") == pytest.approx([1.0, -0.5, -0.5])
    assert advantages([1.0], "none", "others") == [0.0]
