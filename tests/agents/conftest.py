"""What the tests of this room share: tiny models with random weights, servers that speak the OpenAI protocol, a script
that remembers what it said, and the rule that a standard test whose feature a model lacks is not collected."""

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tutelage.agents import ChatModel, Completion, connect
from tutelage.traces import Run, Store, Turn

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
CONTEXT = 256

FEATURES = {
    "supports_model_override": "model_override",
    "has_tool_calling": "tool_calling|runnables_as_tools|tool_message_(hist|err)|few_shot|agent_loop|unicode_tool",
    "has_tool_choice": "test_tool_choice",
    "has_structured_output": "structured_output",
    "supports_json_mode": "json_mode",
    "supports_pdf_inputs": "pdf_inputs",
    "supports_audio_inputs": "audio_inputs",
    "supports_image_inputs": "image_inputs",
    "supports_image_tool_message": "image_tool_message",
    "supports_pdf_tool_message": "pdf_tool_message",
    "supports_anthropic_inputs": "anthropic_inputs",
    "enable_vcr_tests": "stream_time",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if isinstance(item, pytest.Function) and _inapplicable(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _inapplicable(item: pytest.Function) -> bool:
    """A standard test of LangChain's that asks for a feature which its class says the model lacks."""
    if item.cls is None or not hasattr(item.cls, "chat_model_class"):
        return False
    tests, name = item.cls(), item.originalname
    if "standard_params" in name:
        return False
    if name in ("test_init_from_env", "test_serdes"):
        return not tests.init_from_env_params[0]
    return any(
        re.search(names, name) and not getattr(tests, feature, True) for feature, names in FEATURES.items()
    )


def write_tiny_model(directory: Path, *, seed: int, hidden: int = 64) -> Path:
    """A two-layer model over single characters, with random weights that never say anything sensible."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    characters = [chr(code) for code in range(32, 127)] + ["\n"]
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, "<|unknown|>", *characters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unknown|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        unk_token="<|unknown|>",
        additional_special_tokens=SPECIAL[2:],
    )
    fast.chat_template = TEMPLATE
    config = Qwen3Config(
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        intermediate_size=64,
        tie_word_embeddings=True,
        max_position_embeddings=CONTEXT,
        eos_token_id=1,
        pad_token_id=0,
        dtype="float32",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            model.model.embed_tokens.weight.mul_(20.0)
            model.model.embed_tokens.weight[: len(SPECIAL) + 1] = 0.0
    model.generation_config.eos_token_id = 1
    model.save_pretrained(directory)
    fast.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"), seed=1)


@pytest.fixture(scope="session")
def tiny_other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny-other"), seed=2)


@pytest.fixture(scope="session")
def tiny_wider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny-wider"), seed=3, hidden=96)


@pytest.fixture(scope="session")
def vllm_model(tiny: Path) -> Iterator[ChatModel]:
    """One engine for all tests that do not end it."""
    with connect(f"vllm:{tiny}", dtype="float32") as model:
        yield model


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextmanager
def serving(chat: Handler, models: Handler | None = None) -> Iterator[str]:
    """Serve `/v1/chat/completions` and `/v1/models` from a thread; gives the address."""

    async def list_models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "rule", "max_model_len": CONTEXT}]})

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/v1/models", models or list_models)
        app.router.add_post("/v1/chat/completions", chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def serve() -> Callable[..., Any]:
    return serving


@pytest.fixture(scope="session")
def rule_server() -> Iterator[str]:
    """A server that answers by rule: a tool that is offered is called with what the question says."""
    with serving(answer_by_rule) as address:
        yield address


async def answer_by_rule(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    message = _rule(body)
    if not body.get("stream"):
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        choices = [
            {"index": index, "message": message, "finish_reason": reason} for index in range(body.get("n", 1))
        ]
        return web.json_response({"object": "chat.completion", "choices": choices, "usage": usage})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    async for event in _events(message):
        await response.write(f"data: {json.dumps(event)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


async def _events(message: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    def event(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield event({"role": "assistant", "content": ""})
    for word in re.findall(r"\s*\S+", message["content"] or ""):
        yield event({"content": word})
    for index, call in enumerate(message.get("tool_calls", [])):
        arguments = call["function"]["arguments"]
        yield event(
            {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]}
        )
        for part in (arguments[:4], arguments[4:]):
            yield event({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    yield event({}, "tool_calls" if message.get("tool_calls") else "stop")
    yield {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}


def _rule(body: dict[str, Any]) -> dict[str, Any]:
    last = body["messages"][-1]
    tools = [tool["function"] for tool in body.get("tools", [])]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        tools = [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    if not tools or last["role"] == "tool" or choice == "none":
        return {"role": "assistant", "content": "An old pond. A frog jumps in."}
    question, tool = str(last["content"]), tools[0]
    properties = tool["parameters"].get("properties", {})
    arguments = {name: _argument(schema, question) for name, schema in properties.items()}
    function = {"name": tool["name"], "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call-1", "type": "function", "function": function}],
    }


def _argument(schema: dict[str, Any], question: str) -> Any:
    if schema.get("type") == "integer":
        return int((re.findall(r"\d+", question) or ["1"])[0])
    quoted = re.search(r"'([^']+)'", question)
    return quoted.group(1) if quoted else question


class Speaker:
    """A script that remembers what it said."""

    def __init__(self, *first: str | Completion | Exception) -> None:
        self.first = list(first)
        self.said: list[str] = []

    def __call__(self, messages: Sequence[Mapping[str, Any]], index: int) -> str | Completion:
        next_one = self.first.pop(0) if self.first else f"answer number {len(self.said)}"
        if isinstance(next_one, Exception):
            raise next_one
        self.said.append(next_one.text if isinstance(next_one, Completion) else next_one)
        return next_one

    def on_record(self, run: Run, *others: "Speaker") -> list[Turn]:
        """The turns, once it is sure that they are what was said, with the tokens that were sampled."""
        turns = run.turns()
        answered = [turn for turn in turns if turn.error is None]
        assert Counter(turn.completion for turn in answered) == Counter(
            chain(self.said, *(each.said for each in others))
        )
        for turn in answered:
            assert bytes(turn.completion_token_ids or ()).decode() == turn.completion
            assert len(turn.logprobs or ()) == len(turn.completion_token_ids or ())
            assert turn.prompt_token_ids
        assert len({(turn.call, turn.sample) for turn in turns}) == len(turns)
        return turns


@pytest.fixture
def speaker() -> type[Speaker]:
    return Speaker


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Store.open(tmp_path / "run").start_run({}) as run:
        yield run


@pytest.fixture
def token_server() -> Iterator[tuple[str, list[str]]]:
    """A server that gives token ids and log-probabilities, tool calls included, also in streams."""
    said: list[str] = []

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        choices = [_choice(body, said, index) for index in range(body.get("n", 1))]
        answer = {"choices": choices, "prompt_token_ids": [1, 2, 3], "model": body["model"]}
        if not body.get("stream"):
            return web.json_response(answer)
        return await _streamed(request, answer)

    with serving(chat) as address:
        yield address, said


def _choice(body: Any, said: list[str], index: int) -> dict[str, Any]:
    text = f"answer number {len(said)}"
    said.append(text)
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if body.get("tools") and body["messages"][-1]["role"] != "tool":
        function = {"name": "add_up", "arguments": '{"a": 2, "b": 3}'}
        message["tool_calls"] = [{"id": "1", "type": "function", "function": function}]
    ids = list(text.encode())
    return {
        "index": index,
        "message": message,
        "token_ids": ids,
        "logprobs": {"content": [{"logprob": -0.5} for _ in ids]} if body.get("logprobs") else None,
        "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
    }


async def _streamed(request: web.Request, answer: dict[str, Any]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    with suppress(ConnectionError):
        async for event in _token_events(answer):
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
            await asyncio.sleep(0.01)
        await response.write(b"data: [DONE]\n\n")
    return response


async def _token_events(answer: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    choice = answer["choices"][0]
    yield {"choices": [{"index": 0, "delta": {"role": "assistant"}}], "prompt_token_ids": [1, 2, 3]}
    for token in choice["token_ids"]:
        part = {"index": 0, "delta": {"content": chr(token)}, "token_ids": [token]}
        yield {"choices": [part | {"logprobs": {"content": [{"logprob": -0.5}]}}]}
    for index, call in enumerate(choice["message"].get("tool_calls", [])):
        yield {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, **call}]}}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
