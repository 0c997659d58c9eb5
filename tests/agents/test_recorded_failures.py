"""Calls that fail, are tried again, or are given up: what was sampled is on record, and so is why there is no more."""

import asyncio
from typing import Any

import pytest
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import RetryPolicy

from tutelage.agents import ChatModel, Reviewer, connect, scripted
from tutelage.errors import EngineError
from tutelage.traces import Run, recording
from tutelage.types import Task

TASK = Task(id="a", problem="2+2")


ASKED: Any = {"messages": [("user", "hi")]}


async def test_langchains_retries_are_calls_of_their_own(run: Run, speaker: Any) -> None:
    script = speaker(EngineError("down"), EngineError("still down"), "up again")
    patient = scripted(script).with_retry(
        retry_if_exception_type=(EngineError,), stop_after_attempt=3, wait_exponential_jitter=False
    )
    with recording(run.begin(TASK)):
        assert (await patient.ainvoke("hi")).content == "up again"
    turns = script.on_record(run)
    assert [(turn.call, turn.error) for turn in turns] == [(0, "down"), (1, "still down"), (2, None)]


async def test_langgraphs_retries_are_calls_of_their_own(run: Run, speaker: Any) -> None:
    script = speaker("said before the node failed", EngineError("down"), "said again")
    model, tries = scripted(script), iter([ValueError("the node's own fault"), None, None])

    async def talk(state: MessagesState) -> dict[str, Any]:
        answer = await model.ainvoke(state["messages"])
        if error := next(tries):
            raise error
        return {"messages": [answer]}

    graph = StateGraph(MessagesState)
    policy = RetryPolicy(initial_interval=0.01, max_attempts=4, retry_on=(ValueError, EngineError))
    graph.add_node("talk", talk, retry_policy=policy)
    graph.add_edge(START, "talk")
    with recording(run.begin(TASK)):
        await graph.compile().ainvoke(ASKED)
    turns = script.on_record(run)
    assert [turn.completion for turn in turns] == ["said before the node failed", "", "said again"]


async def test_a_roles_retries_are_calls_of_their_own(run: Run, speaker: Any) -> None:
    script = speaker("verdict: right", "who knows", "hm", "verdict: wrong at step 1")
    with recording(run.begin(TASK)):
        reviews = await Reviewer(scripted(script), retries=2).reviews("2+2", "answer: 5", 3)
    assert [review.verdict for review in reviews[:2]] == ["right", "wrong"]
    turns = script.on_record(run)
    assert [(turn.role, turn.call, turn.sample) for turn in turns] == [
        ("reviewer", 0, 0),
        ("reviewer", 0, 1),
        ("reviewer", 0, 2),
        ("reviewer", 1, 0),
        ("reviewer", 1, 1),
        ("reviewer", 2, 0),
    ]


async def test_a_caller_that_gives_up_is_on_record_without_an_answer(run: Run, speaker: Any) -> None:
    model = scripted(speaker(), latency=30)
    with recording(run.begin(TASK)):
        asked = asyncio.create_task(model.ainvoke("hi"))
        await asyncio.sleep(0.05)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    (turn,) = run.turns()
    assert (turn.completion, turn.error) == ("", "the caller gave up before the answer")


async def test_a_time_out_is_on_record_without_an_answer(run: Run, speaker: Any) -> None:
    with recording(run.begin(TASK)), pytest.raises(TimeoutError):
        await asyncio.wait_for(scripted(speaker(), latency=30).ainvoke("hi"), 0.05)
    assert [turn.error for turn in run.turns()] == ["the caller gave up before the answer"]


async def test_what_a_cancelled_stream_gave_is_on_record(
    run: Run, token_server: tuple[str, list[str]]
) -> None:
    async def read(model: ChatModel) -> None:
        async for chunk in model.astream("hi"):
            heard.append(str(chunk.content))

    heard: list[str] = []
    with connect(token_server[0]) as model, recording(run.begin(TASK)):
        reader = asyncio.create_task(read(model))
        while len(heard) < 3:
            await asyncio.sleep(0.01)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
    (turn,) = run.turns()
    assert turn.completion.startswith("".join(heard)) and len(turn.completion) < len("answer number 0")
    assert bytes(turn.completion_token_ids or ()).decode() == turn.completion
    assert turn.error == "the reader left before the end"


async def test_a_cancelled_sample_of_many_leaves_the_others_on_record(run: Run, speaker: Any) -> None:
    script = speaker()
    quick, slow = scripted(script), scripted(speaker(), latency=30)
    with recording(run.begin(TASK)):
        asked = [asyncio.create_task(model.sample("hi", n=2)) for model in (quick, slow)]
        await asked[0]
        asked[1].cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    assert sum(turn.error is not None for turn in script.on_record(run)) == 1
