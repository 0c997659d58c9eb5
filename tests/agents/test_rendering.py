from dataclasses import replace
from pathlib import Path

import pytest

from tutelage import Task
from tutelage.agents import ChatModel, Engine, ReplayEngine, Request, connect, scripted
from tutelage.agents.engines.adapted_engine import AdaptedEngine
from tutelage.agents.rendering import Rendered, Renders, rendered
from tutelage.errors import UserError
from tutelage.traces import Store, recording

REQUEST = Request(messages=({"role": "user", "content": "What is 1+1?"},))
MARKED = "<|user|>What is 1+1?<|end|><|assistant|>"


class Spelling:
    """An engine that says what it was asked to render, and has adapters; nothing else of it is used."""

    name = policy = "spelling"

    async def render(self, request: Request) -> Rendered:
        return Rendered((1, 2), f"{request.adapter}: {request.messages[0]['content']}")

    def policy_with(self, adapter: str) -> str:
        return adapter

    def name_with(self, adapter: str) -> str:
        return adapter

    def reload_adapter(self, adapter: str, directory: Path) -> None:
        """Keep the weights."""

    def close(self) -> None:
        """Nothing to free."""


def spelling() -> Engine:
    engine: Engine = Spelling()  # type: ignore[assignment]
    return engine


@pytest.fixture(scope="module")
def model(tiny: Path) -> ChatModel:
    return connect(f"transformers:{tiny}", dtype="float32")


async def test_a_script_cannot_say_what_it_would_read() -> None:
    engine = scripted(["2"]).engine
    assert not isinstance(engine, Renders)
    assert await rendered(engine, REQUEST) is None


async def test_an_adapter_says_what_its_base_would_read() -> None:
    shown = await rendered(AdaptedEngine(spelling(), "critic"), REQUEST)
    assert shown == Rendered((1, 2), "critic: What is 1+1?")
    other = await rendered(spelling(), replace(REQUEST, adapter="poet"))
    assert other == Rendered((1, 2), "poet: What is 1+1?")


async def test_a_replay_says_what_its_live_engine_would_read(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path).start_run({}) as run,
        recording(run.begin(Task(id="t", problem=""))) as recorder,
    ):
        assert recorder is not None
        await scripted(["2"]).ainvoke("What is 1+1?")
        recorder.finish("2")
    engine = ReplayEngine(tmp_path)
    try:
        assert await rendered(engine, REQUEST) is None
        engine.go_on_with(spelling(), owned=False)
        assert await rendered(engine, REQUEST) == Rendered((1, 2), "None: What is 1+1?")
    finally:
        engine.close()


@pytest.mark.slow
async def test_a_local_engine_renders_exactly_what_it_would_read(model: ChatModel) -> None:
    shown = await rendered(model.engine, REQUEST)
    assert shown is not None and shown.text == MARKED
    answer = await model.engine.generate(replace(REQUEST, sampling=model.sampling))
    assert answer.prompt_token_ids == shown.token_ids


@pytest.mark.slow
async def test_a_prompt_that_is_too_long_to_send_is_rendered(model: ChatModel) -> None:
    long = Request(messages=({"role": "user", "content": "1" * 1000},))
    shown = await rendered(model.engine, long)
    assert shown is not None and len(shown.token_ids) > 1000 > (model.context_length or 0)


@pytest.mark.slow
async def test_what_an_engine_would_refuse_is_not_rendered(model: ChatModel) -> None:
    with pytest.raises(UserError, match="offers no tools"):
        await rendered(model.engine, replace(REQUEST, tools=({"type": "function"},)))
