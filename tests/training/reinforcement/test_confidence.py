import math

import pytest

from tutelage.errors import UserError
from tutelage.traces import RecordedCall, Sample, Store
from tutelage.training import confidence_reward
from tutelage.training.reinforcement.rewards import Judged
from tutelage.types import Sampling, Task


def said(*logprobs: list[float] | None) -> Judged:
    run = Store.memory().start_run({})
    recorder = run.begin(Task(id="a", problem="?"))
    for each in logprobs:
        call = RecordedCall(
            role="solver",
            node=None,
            messages=[{"role": "user", "content": "?"}],
            sampling=Sampling(),
            model="m",
            policy="p",
            started=0.0,
            seconds=0.0,
            completions=[Sample("x", token_ids=None if each is None else [1] * len(each), logprobs=each)],
            samples=1,
            prompt_token_ids=[7],
        )
        recorder.call(call)
    recorder.finish("x", {})
    return Judged(run.rollouts()[0], tuple(run.turns()), None, {}, {})


def test_a_turn_is_worth_how_likely_its_own_tokens_were_whatever_its_length() -> None:
    sure, unsure = confidence_reward(said([-0.25] * 8, [-0.25, -1.75])).values()
    assert sure == -0.25
    assert math.isclose(unsure, -1.0)


def test_it_needs_no_verdict_and_no_reference() -> None:
    judged = said([-0.5])
    assert judged.score is None and judged.rollout.task.reference is None
    assert list(confidence_reward(judged).values()) == [-0.5]


def test_turns_without_log_probabilities_are_refused() -> None:
    with pytest.raises(UserError, match="log-probabilities"):
        confidence_reward(said(None))
