from typing import Any

from tutelage.traces import Turn
from tutelage.traces.export import export


def rows(toy: Any, **options: Any) -> list[dict[str, Any]]:
    return list(export(toy.run, "sft", form="tokens", passed=None, **options))


def trained(row: dict[str, Any]) -> list[int]:
    return [id for id, mask in zip(row["input_ids"], row["completion_mask"], strict=True) if mask]


def ids(turn: Turn) -> tuple[list[int], list[int]]:
    assert turn.prompt_token_ids is not None and turn.completion_token_ids is not None
    return list(turn.prompt_token_ids), list(turn.completion_token_ids)


def whole(turn: Turn) -> list[int]:
    prompt, completion = ids(turn)
    return prompt + completion


def talk(toy: Any, recorder: Any, before: list[Turn], ask: str, answer: str, **fields: Any) -> Turn:
    """Go on with a conversation, as an engine does that keeps the ids of what was said."""
    last = before[-1] if before else None
    messages = [] if last is None else [*last.messages, {"role": "assistant", "content": last.completion}]
    messages = [*messages, {"role": "user", "content": ask}]
    held = [] if last is None else whole(last)
    more = [4, *toy.tokens(ask), toy.end, 5]
    fields = {"role": "solver", "prompt_token_ids": [*held, *more]} | fields
    role = fields.pop("role")
    turn: Turn = toy.say(recorder, role, messages, answer, **fields)
    return turn


def test_a_conversation_is_one_row_whose_mask_is_what_was_sampled(toy: Any) -> None:
    recorder = toy.begin()
    first = talk(toy, recorder, [], "a?", "b")
    second = talk(toy, recorder, [first], "c?", "d")
    recorder.finish()
    (row,) = rows(toy)
    assert row["input_ids"] == whole(second)
    assert trained(row) == ids(first)[1] + ids(second)[1]
    assert row["labels"] == [
        id if mask else -100 for id, mask in zip(row["input_ids"], row["completion_mask"], strict=True)
    ]
    assert row["turn_id"] == second.id


def test_branches_share_a_beginning_that_is_trained_once(toy: Any) -> None:
    recorder = toy.begin()
    first = talk(toy, recorder, [], "a?", "b")
    left = talk(toy, recorder, [first], "c?", "d")
    right = talk(toy, recorder, [first], "e?", "f")
    recorder.finish()
    one, two = rows(toy)
    assert trained(one) == ids(first)[1] + ids(left)[1]
    assert trained(two) == ids(right)[1]
    assert two["input_ids"] == whole(right)


def test_samples_of_one_call_are_rows_of_their_own(toy: Any) -> None:
    recorder = toy.begin()
    turns = toy.solve(recorder, ("a", True), ("b", False), ("c", True))
    recorder.finish()
    assert [trained(row) for row in rows(toy)] == [ids(turn)[1] for turn in turns]


def test_a_prompt_that_was_tokenized_anew_starts_a_new_row_and_is_counted(toy: Any) -> None:
    recorder = toy.begin()
    first = talk(toy, recorder, [], "a?", "b")
    drifted = [*ids(first)[0], 999, *toy.tokens("c?")]
    second = talk(toy, recorder, [first], "c?", "d", prompt_token_ids=drifted)
    third = talk(toy, recorder, [second], "e?", "f")
    recorder.finish()
    data = export(toy.run, "sft", form="tokens", passed=None)
    one, two = data
    assert trained(one) == ids(first)[1]
    assert trained(two) == ids(second)[1] + ids(third)[1]
    assert data.tokens is not None
    assert (data.tokens.drifted, data.tokens.continuations, data.tokens.lost) == (1, 2, 0)
    assert "1 of 2 continuations drifted" in data.report()


def test_other_prompts_are_no_drift(looping: Any) -> None:
    data = export(looping.run, "sft", form="tokens", passed=None)
    list(data)
    assert data.tokens is not None
    assert (data.tokens.drifted, data.tokens.continuations) == (0, 0)


def test_only_the_authors_asked_for_are_trained_and_others_are_read(toy: Any) -> None:
    recorder = toy.begin()
    question = talk(toy, recorder, [], "a?", "b", role="tutor")
    answer = talk(toy, recorder, [question], "c?", "d", role="pupil")
    recorder.finish()
    (both,) = rows(toy)
    assert trained(both) == ids(question)[1] + ids(answer)[1]
    data = export(toy.run, "sft", form="tokens", passed=None, train_on="pupil")
    (one,) = data
    assert one["input_ids"] == both["input_ids"]
    assert trained(one) == ids(answer)[1]
    assert data.tokens is not None
    assert (data.tokens.sampled, data.tokens.trained, data.tokens.masked) == (4, 2, 2)


def test_every_sampled_token_is_trained_once_or_accounted_for(looping: Any) -> None:
    for options in ({}, {"per_task": 2}, {"roles": "solver"}, {"context": "root"}, {"passed": True}):
        data = export(looping.run, "sft", **{"form": "tokens", "passed": None} | options)
        found = [trained(row) for row in data]
        counts = data.tokens
        assert counts is not None
        assert counts.trained == sum(map(len, found))
        assert counts.sampled == sum(len(turn.completion_token_ids or ()) for turn in looping.run.turns())
        assert counts.lost == 0


def test_another_context_puts_the_sampled_tokens_behind_the_ids_that_were_read_there(looping: Any) -> None:
    turns = {turn.id: turn for turn in looping.run.turns()}
    for row in rows(looping, roles="refiner", context="root"):
        turn = turns[row["turn_id"]]
        root = next(each for each in looping.run.turns(turn.rollout_id) if each.role == "solver")
        assert row["input_ids"] == ids(root)[0] + ids(turn)[1]
        assert trained(row) == ids(turn)[1]
        assert row["context"] == "root"


def test_a_context_that_no_model_read_is_left_out_rather_than_tokenized(looping: Any) -> None:
    data = export(looping.run, "sft", form="tokens", roles="refiner", context="last")
    assert len(list(data)) == 3
    data = export(
        looping.run, "sft", form="tokens", context=lambda example: [{"role": "user", "content": "new"}]
    )
    assert list(data) == []
    assert data.counts.dropped == {"have a context without recorded ids (tokenizer=… renders it)": 9}


def test_turns_without_ids_are_counted_and_a_run_without_any_is_refused(toy: Any) -> None:
    import pytest

    from tutelage.errors import UserError

    recorder = toy.begin()
    none: dict[str, Any] = {"prompt_token_ids": None, "completion_token_ids": None, "logprobs": None}
    toy.say(recorder, "solver", "a?", "b", **none)
    with pytest.raises(UserError, match="needs the token ids that were sampled"):
        rows(toy)
    toy.say(recorder, "solver", "a?", "b")
    recorder.finish()
    data = export(toy.run, "sft", form="tokens", passed=None)
    assert len(list(data)) == 1
    assert data.counts.dropped == {}
    assert data.report().splitlines()[1] == "from 1 of 2 turns, because 1 have no token ids"
