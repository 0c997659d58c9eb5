import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tutelage.agents import ChatModel, connect, seeded
from tutelage.traces import Store, recording
from tutelage.types import Sampling, Task

QUESTIONS = ["1", "what is 12+34?", "x" * 40]


@pytest.fixture(scope="module")
def model(tiny: Path) -> Iterator[ChatModel]:
    sampling = Sampling(temperature=1.3, top_p=0.95, max_tokens=12)
    with connect(f"transformers:{tiny}", sampling=sampling, batch_size=8, dtype="float64") as model:
        yield model


async def asked(model: ChatModel, question: str, n: int = 1) -> list[str]:
    return [str(answer.content) for answer in await model.sample(question, n=n)]


async def test_a_seeded_sample_does_not_depend_on_its_company(model: ChatModel) -> None:
    with seeded(1):
        alone = [await asked(model, question, 2) for question in QUESTIONS]
    await asked(model, "something between")
    with seeded(1):
        reverse = await asyncio.gather(*(asked(model, question, 2) for question in reversed(QUESTIONS)))
    assert alone == [*reversed(reverse)]
    with seeded(2):
        assert alone != [await asked(model, question, 2) for question in QUESTIONS]


async def test_the_samples_of_a_request_and_requests_for_the_same_are_others(model: ChatModel) -> None:
    with seeded(1):
        first, again = await asked(model, "1", 3), await asked(model, "1", 3)
    assert first != again
    assert len({*first, *again}) > 3


async def test_without_a_seed_samples_are_drawn_on(model: ChatModel) -> None:
    assert await asked(model, "1", 2) != await asked(model, "1", 2)


async def test_rollouts_of_the_same_task_and_repeat_sample_the_same(model: ChatModel) -> None:
    said: dict[int, list[list[str]]] = {0: [], 1: []}
    for repeat in (0, 1, 0, 1):
        with Store.memory().start_run({}) as run:
            rollout = run.begin(Task(id="a", problem="1"), repeat)
            with seeded(1), recording(rollout):
                said[repeat].append(await asked(model, "1") + await asked(model, "1"))
    for first, again in said.values():
        assert first == again
    assert said[0] != said[1]


async def test_seeded_tokens_follow_the_models_probabilities(model: ChatModel) -> None:
    counts: dict[int, int] = {}
    expected: dict[int, float] = {}
    sampling = Sampling(max_tokens=1)
    with seeded(3):
        for answer in await model.sample("1", n=600, sampling=sampling):
            (token,), (logprob,) = answer.response_metadata["token_ids"], answer.response_metadata["logprobs"]
            counts[token] = counts.get(token, 0) + 1
            expected[token] = 2.718281828459045**logprob
    often = max(counts, key=counts.__getitem__)
    assert counts[often] / 600 == pytest.approx(expected[often], abs=0.08)
    assert len(counts) > 20
