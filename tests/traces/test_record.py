from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tutelage import Sampling, Score, Task
from tutelage.errors import UserError
from tutelage.traces import Run, Store, Turn

Say = Callable[..., Turn]

any_text = st.text(st.characters(categories=["Cs", "Lu", "Cc", "So"]) | st.characters()) | st.sampled_from(
    ["", "\0", "\ud83d\ude00", "\ude00\ud83d", "\ud800", "\udc80abc", "\ufffe", "line\r\n\u2028", "z" * 5000]
)
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
token_ids = st.none() | st.lists(st.integers(0, 2**31 - 1), max_size=40)


@given(
    text=any_text,
    names=st.tuples(any_text, any_text, any_text, any_text),
    messages=st.lists(st.dictionaries(any_text, plain_data, max_size=3), max_size=3),
    metadata=st.dictionaries(any_text, plain_data, max_size=3),
    prompt=token_ids,
    written=token_ids,
    stop=st.lists(any_text, max_size=2),
)
@settings(deadline=None, max_examples=150)
def test_a_turn_comes_back_exactly(
    text: str, names: tuple[str, ...], messages: Any, metadata: Any, prompt: Any, written: Any, stop: Any
) -> None:
    with Store.memory().start_run({}) as run:
        recorder = run.begin(Task(id=names[0], problem=text))
        turn = recorder.turn(
            role=names[0],
            node=names[1],
            parents=names,
            messages=messages,
            completion=text,
            finish_reason=names[2],
            prompt_token_ids=prompt,
            completion_token_ids=written,
            logprobs=None if written is None else [-0.1 * token for token in written],
            sampling=Sampling(stop=stop),
            model=names[2],
            policy=names[3],
            started=1e9 + 0.1,
            seconds=0.1,
            error=names[3],
            metadata=metadata,
        )
        assert run.turns() == run.turns(role=names[0]) == run.turns(recorder.rollout.id) == [turn]
        assert (turn.completion, turn.role, turn.parents) == (text, names[0], names)


@given(text=any_text, other=any_text, data=plain_data, steps=st.none() | st.lists(st.floats(allow_nan=False)))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_candidates_scores_and_rollouts_come_back_exactly(
    text: str, other: str, data: Any, steps: list[float] | None
) -> None:
    with Store.memory().start_run({text: data}) as run:
        task = Task(id=text, problem=other, solution=text, metadata={other: data})
        recorder = run.begin(task)
        candidate = recorder.candidate(text, answer=other, parents=(other,), turn_id=text, round=3)
        score = Score(
            name=text, value=0.1, passed=True, steps=None if steps is None else tuple(steps), feedback=other
        )
        row = recorder.score(score, subject="candidate", subject_id=candidate.id)
        recorder.finish(answer=text, output=data)
        (rollout,) = run.rollouts()
        assert run.candidates() == [candidate]
        assert run.scores() == [row]
        assert (rollout.task, rollout.answer, rollout.output, rollout.status) == (task, text, data, "done")
        assert run.settings == {text: data}
        assert run.finished() == {(text, 0)}


def test_ten_megabytes_of_text_come_back_exactly(run: Run, task: Task, say: Say) -> None:
    text = "\udc80\0é" + "All work and no play. " * 500_000
    recorder = run.begin(task)
    turn = say(recorder, text, messages=[{"role": "user", "content": text[::-1]}])
    (found,) = run.turns()
    assert found == turn
    assert found.completion == text
    assert found.messages[0]["content"] == text[::-1]


def test_prompts_longer_than_a_piece_come_back_exactly(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    ids = tuple(range(5000))
    say(recorder, prompt_token_ids=ids)
    say(recorder, prompt_token_ids=[*ids, 7])
    assert [turn.prompt_token_ids for turn in run.turns()] == [ids, (*ids, 7)]


def test_log_probabilities_are_single_precision_and_may_be_infinite(run: Run, task: Task, say: Say) -> None:
    turn = say(run.begin(task), completion_token_ids=[1, 2], logprobs=[-0.1, float("-inf")])
    assert turn.logprobs == (-0.10000000149011612, float("-inf"))
    assert run.turns()[0].logprobs == turn.logprobs


def test_what_is_not_known_stays_none(run: Run, task: Task, say: Say) -> None:
    say(run.begin(task))
    (turn,) = run.turns()
    unknown = (turn.prompt_token_ids, turn.completion_token_ids, turn.logprobs, turn.error, turn.node)
    assert unknown == (None,) * 5


def test_a_score_that_is_no_number_stays_one(run: Run, task: Task) -> None:
    run.begin(task).score(Score(name="prm", value=float("nan")))
    assert str(run.scores()[0].score.value) == "nan"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"completion_token_ids": [1, 2], "logprobs": [-1.0]}, "1 log-probabilities for 2 completion tokens"),
        (
            {"completion_token_ids": [-1]},
            "completion_token_ids.0: Input should be greater than or equal to 0",
        ),
        ({"prompt_token_ids": [2**31]}, "prompt_token_ids.0: Input should be less than 2147483648"),
        ({"messages": [{"content": object()}]}, "valid JSON"),
        ({"role": None}, "role: Input should be a valid string"),
    ],
)
def test_a_turn_that_makes_no_sense_is_refused_in_one_sentence(
    run: Run, task: Task, say: Say, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        say(run.begin(task), **fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert run.turns() == []
