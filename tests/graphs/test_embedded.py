from collections.abc import Iterator

import pytest

from tutelage.agents import ChatModel, Judge, Reviewer, Solver, connect
from tutelage.graphs import Scale, arollout, magicore, majority_vote, model_scorer, self_refine
from tutelage.tools import family_answer, make_tasks, step_checker
from tutelage.types import Sampling

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> Iterator[ChatModel]:
    with connect("embedded+transformers", sampling=Sampling(max_tokens=192)) as model:
        yield model


async def test_the_embedded_model_solves_reviews_and_refines(model: ChatModel) -> None:
    tasks = make_tasks("arithmetic", 1, 8, 7)
    run = await arollout(self_refine(model, 2), tasks, verifier=step_checker)
    assert len(run.rollouts("done")) == 8
    assert run.summary()["scores"]["step_checker"]["passed"] > 0
    assert all(count.unknown == 0 for count in run.tokens().values())
    assert {turn.policy for turn in run.turns()} == {model.policy}


async def test_magicore_runs_on_the_embedded_model(model: ChatModel) -> None:
    tasks = make_tasks("arithmetic", 2, 4, 7)
    scorer = model_scorer(Reviewer(model))
    scale = await Scale.measure(Solver(model), tasks, scorer)
    run = await arollout(
        magicore(model, 4, scorer=scorer, scale=scale, rounds=1, refine_all=True),
        tasks,
        verifier=family_answer,
    )
    assert len(run.rollouts("done")) == 4
    assert {each.round for each in run.candidates()} == {0, 1}
    assert run.tokens()["refiner"].turns == 16


async def test_the_embedded_judge_says_yes_or_no(model: ChatModel) -> None:
    (task,) = make_tasks("arithmetic", 1, 1, 7)
    judgement = await Judge(model).judge(task.problem, task.solution or "")
    assert judgement.said in ("yes", "no")
    assert 0.0 <= judgement.value <= 1.0


async def test_votes_share_one_request_on_the_embedded_model(model: ChatModel) -> None:
    run = await arollout(majority_vote(model, 8), make_tasks("arithmetic", 1, 2, 7), verifier=family_answer)
    assert {(turn.call, turn.sample) for turn in run.turns()} == {(0, at) for at in range(8)}
