import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import majority_vote, one_shot
from tutelage.tools import family_answer
from tutelage.traces import Run
from tutelage.training import Evaluation, evaluate
from tutelage.training.appraisal.baselines import equal_samples
from tutelage.types import Task


@pytest.fixture
def sure(drawn: list[Task]) -> ChatModel:
    """Always says the worked solution, so that every sample costs the same."""

    def say(messages: object, sample: int) -> str:
        return next(task.solution or "" for task in drawn if task.problem in str(messages))

    return scripted(say)


@pytest.fixture
def one(sure: ChatModel, drawn: list[Task]) -> Evaluation:
    return evaluate(one_shot(sure), drawn, verifier=family_answer, progress=False)


def test_an_equal_vote_costs_at_least_the_other_methods_bill_and_no_sample_more(
    one: Evaluation, sure: ChatModel, drawn: list[Task], looped: Run
) -> None:
    def bill(samples: int) -> float:
        graph = majority_vote(sure, samples, family_answer)
        cost = evaluate(graph, drawn, verifier=family_answer, progress=False).tokens_per_attempt
        assert cost is not None
        return cost

    loop = Evaluation.of(looped)
    k = equal_samples(one, loop)
    assert k > 2 and loop.tokens_per_attempt is not None
    assert bill(k - 1) < loop.tokens_per_attempt <= bill(k)


def test_a_vote_has_one_sample_at_least(one: Evaluation, drawn: list[Task]) -> None:
    silent = evaluate(one_shot(scripted(lambda *_: "")), drawn, verifier=family_answer, progress=False)
    assert equal_samples(one, one) == equal_samples(one, silent) == 1


def test_tokens_that_nobody_counted_buy_nothing(one: Evaluation) -> None:
    unknown = {role: count.model_copy(update={"unknown": 1}) for role, count in one.tokens.items()}
    with pytest.raises(UserError, match="without token counts"):
        equal_samples(one, one.model_copy(update={"tokens": unknown}))
