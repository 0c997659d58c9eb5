"""The value of every step: an answer is continued from the very tokens that were sampled."""

from collections.abc import Iterator

import pytest

from tutelage.agents import ChatModel, connect, scripted
from tutelage.errors import UserError
from tutelage.graphs import debug, one_shot
from tutelage.tools import make_tasks, step_checker
from tutelage.types import Sampling

TASK = make_tasks("arithmetic", 3, 4, seed=2)[1]


@pytest.fixture(scope="module")
def model() -> Iterator[ChatModel]:
    with connect("embedded+transformers", sampling=Sampling(temperature=0)) as model:
        yield model


@pytest.mark.slow
def test_every_line_gets_the_share_that_goes_right_from_there(model: ChatModel) -> None:
    with debug(one_shot(model), TASK, verifier=step_checker) as session:
        session.go()
        turn = session.turn_id()
        said = session.run_record.turn(turn)
        values = session.step_values(2, turn_id=turn)
        assert [each.text for each in values] == said.completion.splitlines()
        assert [each.step for each in values] == list(range(1, len(values) + 1))
        assert all(each.spread.n == 2 for each in values)
        kept = [
            row.score for row in session.run_record.scores(said.rollout_id, "turn") if row.subject_id == turn
        ]
        assert [score.steps for score in kept if score.name == "monte_carlo"] == [
            tuple(each.spread.mean for each in values)
        ]


@pytest.mark.slow
def test_a_greedy_continuation_is_the_answer_itself_token_by_token(model: ChatModel) -> None:
    with debug(one_shot(model), TASK, verifier=step_checker) as session:
        session.go()
        said = session.run_record.turn(session.turn_id())
        session.step_values(1)
        again = [turn for turn in session.run_record.turns() if turn.id != said.id]
        assert len(again) >= 3
        for turn in again:
            assert turn.completion == said.completion
            assert turn.completion_token_ids == said.completion_token_ids
            assert turn.prompt_token_ids == said.prompt_token_ids
            assert turn.logprobs is not None and said.logprobs is not None
            pairs = zip(turn.logprobs, said.logprobs, strict=True)
            assert max(abs(one - other) for one, other in pairs) < 0.02
            assert turn.metadata["visit"] == said.metadata["visit"]


@pytest.mark.slow
def test_an_answer_that_a_person_gave_has_no_tokens_to_cut(model: ChatModel) -> None:
    with debug(one_shot(model.with_sampling(temperature=1.0)), TASK, verifier=step_checker) as session:
        session.step()
        session.say("1+1=3\nanswer: 3")
        session.go()
        with pytest.raises(UserError, match="a person changed"):
            session.step_values(2)


def test_without_a_verifier_there_is_no_value() -> None:
    with debug(one_shot(scripted(["answer: 1"])), TASK) as session:
        session.go()
        with pytest.raises(UserError, match="verifier"):
            session.step_values(2)


def test_an_engine_that_reads_messages_only_refuses() -> None:
    with debug(one_shot(scripted(["answer: 1", "answer: 2"])), TASK, verifier=step_checker) as session:
        session.go()
        with pytest.raises(UserError, match="cannot be cut"):
            session.step_values(2)
