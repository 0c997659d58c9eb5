"""Every way of asking a chat model, over every kind of engine, leaves every sampled token on record, once."""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from tutelage.agents import ChatModel, ScriptedEngine, connect, scripted
from tutelage.traces import Run, Turn, recording
from tutelage.types import Sampling, Task

TASK = Task(id="a", problem="2+2")


async def invoke(model: ChatModel) -> None:
    model.invoke("hi")


async def ainvoke(model: ChatModel) -> None:
    await model.ainvoke("hi")


async def batch(model: ChatModel) -> None:
    model.batch(["hi", "ho", "hu"])


async def abatch(model: ChatModel) -> None:
    await model.abatch(["hi", "ho", "hu"])


async def generate(model: ChatModel) -> None:
    model.generate([[HumanMessage("hi")], [HumanMessage("ho")]], n=2)


async def stream(model: ChatModel) -> None:
    assert len(list(model.stream("hi"))) > 2


async def astream(model: ChatModel) -> None:
    assert len([chunk async for chunk in model.astream("hi")]) > 2


async def astream_events(model: ChatModel) -> None:
    events = [event["event"] async for event in model.astream_events("hi", version="v2")]
    assert "on_chat_model_stream" in events


async def sample(model: ChatModel) -> None:
    await model.sample("hi", n=4)


async def bound(model: ChatModel) -> None:
    await model.bind(n=2, temperature=0.3).ainvoke("hi")


async def together(model: ChatModel) -> None:
    await asyncio.gather(*(model.sample(f"hi {number}", n=2) for number in range(20)))


async def to_thread(model: ChatModel) -> None:
    await asyncio.gather(*(asyncio.to_thread(model.invoke, f"hi {number}") for number in range(8)))


async def thread_pool(model: ChatModel) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(contextvars.copy_context().run, model.invoke, f"hi {at}") for at in range(8)]
        assert all(each.result().content for each in asked)


async def streaming_model(model: ChatModel) -> None:
    await model.model_copy(update={"streaming": True}).ainvoke("hi")


WAYS = [
    invoke,
    ainvoke,
    batch,
    abatch,
    generate,
    stream,
    astream,
    astream_events,
    sample,
    bound,
    together,
    to_thread,
    thread_pool,
    streaming_model,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_however_a_model_is_asked_every_token_is_on_record_once(
    run: Run, speaker: Any, way: Callable[[ChatModel], Awaitable[None]]
) -> None:
    script = speaker()
    with recording(run.begin(TASK)):
        await way(scripted(script))
    assert script.on_record(run)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_on_vllm_every_token_is_on_record_once(
    run: Run, speaker: Any, vllm_model: ChatModel, way: Callable[[ChatModel], Awaitable[None]]
) -> None:
    asked = speaker()
    with recording(run.begin(TASK)):
        await way(scripted(asked))
        expected = [(turn.call, turn.sample) for turn in run.turns()]
    with recording(run.begin(TASK, 1)) as recorder:
        await way(vllm_model.with_sampling(max_tokens=8))
    turns = run.turns(recorder.rollout.id if recorder else None)
    assert sorted((turn.call, turn.sample) for turn in turns) == sorted(expected)
    for turn in turns:
        assert 1 <= len(turn.completion_token_ids or ()) == len(turn.logprobs or ()) <= 8
        assert turn.finish_reason in ("stop", "length") and turn.prompt_token_ids


def on_record_over_http(run: Run, said: Sequence[str]) -> list[Turn]:
    turns = run.turns()
    assert Counter(turn.completion for turn in turns) == Counter(said)
    for turn in turns:
        assert bytes(turn.completion_token_ids or ()).decode() == turn.completion
        assert turn.logprobs == (-0.5,) * len(turn.completion)
        assert turn.prompt_token_ids == (1, 2, 3)
    return turns


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_over_http_every_token_is_on_record_once(
    run: Run, token_server: tuple[str, list[str]], way: Callable[[ChatModel], Awaitable[None]]
) -> None:
    address, said = token_server
    with connect(address) as model, recording(run.begin(TASK)):
        await way(model)
    assert on_record_over_http(run, said)


async def test_a_turn_says_who_asked_for_what_and_how(run: Run, speaker: Any) -> None:
    model = scripted(speaker(), name="one", sampling=Sampling(temperature=0.5, max_tokens=30))
    with recording(run.begin(TASK)):
        (first,) = await model.sample("hi", role="solver")
        parent = first.response_metadata["turn_id"]
        await model.sample("check", n=2, role="reviewer", parents=[parent], sampling=Sampling(max_tokens=7))
    turns = run.turns()
    assert [(turn.role, turn.call, turn.sample, turn.samples, turn.parents) for turn in turns] == [
        ("solver", 0, 0, 1, ()),
        ("reviewer", 1, 0, 2, (parent,)),
        ("reviewer", 1, 1, 2, (parent,)),
    ]
    assert [turn.sampling.max_tokens for turn in turns] == [30, 7, 7]
    assert {(turn.model, turn.policy) for turn in turns} == {("one", "one")}


async def test_an_engine_that_speaks_without_ids_is_on_record_as_such(run: Run) -> None:
    with recording(run.begin(TASK)):
        await ChatModel(engine=ScriptedEngine(["a lone \ud800 surrogate"])).ainvoke("hi")
    (turn,) = run.turns()
    assert (turn.completion, turn.completion_token_ids) == ("a lone \ud800 surrogate", None)


def test_a_bare_thread_has_no_rollout_to_record_into(run: Run, speaker: Any) -> None:
    with recording(run.begin(TASK)), ThreadPoolExecutor(1) as pool:
        assert "turn_id" not in pool.submit(scripted(speaker()).invoke, "hi").result().response_metadata
    assert run.turns() == []
