"""Whoever stands between a chat model and its engine sees every call, and the record tells what was really sent."""

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tutelage.agents import Answer, ChatModel, Completion, Engine, Request, ScriptedEngine, scripted
from tutelage.agents.interception import (
    Intercepted,
    Proceed,
    current_interceptor,
    intercepting,
    intercepting_from,
)
from tutelage.errors import EngineError, UserError
from tutelage.traces import Run, recording
from tutelage.types import Sampling, Task

TASK = Task(id="a", problem="2+2")
Asked = Callable[[ChatModel, str], Any]


def said(model: ChatModel, text: str) -> Any:
    return model.invoke(text)


def streamed(model: ChatModel, text: str) -> Any:
    chunks = list(model.stream(text))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


WAYS = [said, streamed]


class Passing:
    """Lets every call pass, and remembers it."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.engines: list[Engine] = []

    async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        self.seen.append(request)
        self.engines.append(engine)
        return Intercepted(request, await proceed(request))


class Changing:
    """Asks something else than it was asked to."""

    async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        messages = ({"role": "user", "content": "changed"},)
        changed = replace(request, messages=messages, sampling=Sampling(max_tokens=7))
        return Intercepted(changed, await proceed(changed), metadata={"edited": True})


class Person:
    """Answers by itself."""

    async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        completions = tuple(Completion(text=f"I say {at}") for at in range(request.n))
        return Intercepted(request, Answer(completions=completions, policy="nobody"), author="person")


class Remembering:
    """Serves what is on record."""

    def __init__(self, turns: tuple[str, ...]) -> None:
        self.turns = turns

    async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        return Intercepted(request, Answer(completions=(Completion(text="again"),)), turns=self.turns)


def echo(messages: Any, index: int) -> str:
    return f"{index}: {messages[-1]['content']}"


@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_passes_is_answered_and_recorded_as_without(run: Run, way: Asked) -> None:
    passing, model = Passing(), scripted(echo)
    with recording(run.begin(TASK)), intercepting(passing):
        answer = way(model, "hi there")
    (turn,) = run.turns()
    assert answer.content == "0: hi there" == turn.completion
    assert answer.response_metadata["turn_id"] == turn.id
    assert answer.response_metadata["token_ids"] == list(turn.completion_token_ids or ())
    assert (turn.author, turn.metadata, turn.error) == (None, {}, None)
    assert [request.messages for request in passing.seen] == [turn.messages]
    assert passing.engines == [model.engine]


@pytest.mark.parametrize("way", WAYS)
def test_what_was_sent_in_the_end_is_on_record(run: Run, way: Asked) -> None:
    with recording(run.begin(TASK)), intercepting(Changing()):
        answer = way(scripted(echo), "hi")
    (turn,) = run.turns()
    assert answer.content == turn.completion == "0: chan"
    assert turn.messages == ({"role": "user", "content": "changed"},)
    assert (turn.sampling.max_tokens, turn.metadata) == (7, {"edited": True})


@pytest.mark.parametrize("way", WAYS)
def test_what_a_person_says_is_on_record_as_a_persons(run: Run, way: Asked) -> None:
    with recording(run.begin(TASK)), intercepting(Person()):
        answer = way(scripted(echo), "hi")
    (turn,) = run.turns()
    assert (answer.content, turn.completion, turn.author, turn.policy) == (
        "I say 0",
        "I say 0",
        "person",
        "nobody",
    )
    assert (turn.completion_token_ids, turn.logprobs) == (None, None)


async def test_every_sample_of_a_call_is_a_persons(run: Run) -> None:
    with recording(run.begin(TASK)), intercepting(Person()):
        await scripted(echo).sample("hi", n=3)
    assert [(turn.author, turn.sample, turn.completion) for turn in run.turns()] == [
        ("person", at, f"I say {at}") for at in range(3)
    ]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_on_record_already_is_not_recorded_again(run: Run, way: Asked) -> None:
    with recording(run.begin(TASK)):
        known = scripted(echo).invoke("hi").response_metadata["turn_id"]
        with intercepting(Remembering((known,))):
            answer = way(scripted(echo), "hi")
    assert (answer.content, answer.response_metadata["turn_id"]) == ("again", known)
    assert len(run.turns()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_engine_that_fails_behind_an_interceptor_is_on_record_with_what_it_was_sent(
    run: Run, speaker: Any, way: Asked
) -> None:
    broken = ScriptedEngine(speaker(EngineError("the engine died")))
    with recording(run.begin(TASK)), intercepting(Changing()), pytest.raises(EngineError, match="died"):
        way(ChatModel(engine=broken), "hi")
    (turn,) = run.turns()
    assert (turn.error, turn.completion) == ("the engine died", "")
    assert turn.messages == ({"role": "user", "content": "changed"},)


async def test_a_call_given_up_while_it_is_held_is_on_record_as_such(run: Run) -> None:
    held = asyncio.Event()

    class Holding:
        async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
            held.set()
            await asyncio.Event().wait()
            raise AssertionError

    with recording(run.begin(TASK)), intercepting(Holding()):
        waiting = asyncio.create_task(scripted(echo).ainvoke("hi"))
        await held.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    (turn,) = run.turns()
    assert turn.error == "the caller gave up before the answer"


async def test_the_time_a_request_is_held_back_is_no_part_of_its_seconds(run: Run) -> None:
    class Slow:
        async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
            await asyncio.sleep(0.3)
            answer = await proceed(request)
            await asyncio.sleep(0.3)
            return Intercepted(request, answer)

    with recording(run.begin(TASK)), intercepting(Slow()):
        await scripted(echo).ainvoke("hi")
    assert run.turns()[0].seconds < 0.25


async def test_tool_calls_pass_in_one_piece(run: Run) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
    model = ChatModel(engine=ScriptedEngine([Completion(text="so", tool_calls=(call,))]))
    with recording(run.begin(TASK)), intercepting(Passing()):
        chunks = [chunk async for chunk in model.astream("hi")]
    assert len(chunks) == 2 and chunks[0].content == "so"
    assert chunks[0].tool_calls == [{"name": "add", "args": {"a": 2}, "id": "1", "type": "tool_call"}]
    assert run.turns()[0].tool_calls == (call,)


def test_an_interceptor_holds_in_its_block_and_in_the_threads_of_its_context() -> None:
    passing = Passing()
    with intercepting(passing):
        assert contextvars.copy_context().run(current_interceptor) is passing
        with intercepting(None):
            assert current_interceptor() is None
    assert current_interceptor() is None


def test_who_intercepts_may_be_asked_anew_at_every_call(run: Run) -> None:
    passing, model = Passing(), scripted(echo)
    now: list[Passing | None] = [None]
    with recording(run.begin(TASK)), intercepting_from(lambda: now[0]):
        assert len(list(model.stream("one two three"))) > 2
        now[0] = passing
        assert len(list(model.stream("one two three"))) == 2
    assert [len(passing.seen), len(run.turns())] == [1, 2]


def test_a_refused_call_is_on_record_as_refused(run: Run) -> None:
    class Refusing:
        async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
            raise UserError("not this one")

    with recording(run.begin(TASK)), intercepting(Refusing()), pytest.raises(UserError, match="not this"):
        scripted(echo).invoke("hi")
    assert run.turns()[0].error == "not this one"
