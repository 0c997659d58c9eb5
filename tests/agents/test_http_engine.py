import asyncio
import gc
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from tutelage.agents import connect
from tutelage.errors import ContextTooLong, ServerError, UserError
from tutelage.types import Sampling

Serve = Callable[..., Any]
GOOD: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


def saying(status: int = 200, body: Any = None, text: str | None = None, **headers: str) -> Any:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(
            status=status,
            text=json.dumps(body) if text is None else text,
            headers={**headers},
            content_type="application/json",
        )

    return handler


@pytest.fixture
def quick() -> dict[str, Any]:
    return {"max_retries": 2, "retry_seconds": 0.01, "timeout": 5}


def test_an_answer_carries_what_the_server_says(rule_server: str) -> None:
    with connect(rule_server) as model:
        answer = model.invoke("hi")
        assert answer.content == "An old pond. A frog jumps in."
        assert answer.usage_metadata == {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
        assert answer.response_metadata["model_name"] == f"{rule_server}#rule"
        assert "token_ids" not in answer.response_metadata
        assert (model.policy, model.context_length) == ("rule", 256)


async def test_one_session_serves_several_loops_and_threads(rule_server: str) -> None:
    with connect(rule_server) as model:
        assert len(await model.sample("hi", n=3)) == 3
        other = await asyncio.to_thread(lambda: asyncio.run(model.sample("hi")))
        assert other[0].content
        assert model.invoke("hi").content


def test_token_ids_and_log_probabilities_are_taken_where_they_fit(serve: Serve) -> None:
    choice = {
        **GOOD["choices"][0],
        "token_ids": [5, 1],
        "logprobs": {"content": [{"logprob": -0.5}, {"logprob": -0.1}]},
    }
    with (
        serve(saying(body={**GOOD, "choices": [choice], "prompt_token_ids": [1, 2, 3]})) as address,
        connect(address) as model,
    ):
        metadata = model.invoke("hi").response_metadata
    assert metadata["token_ids"] == [5, 1]
    assert metadata["logprobs"] == [-0.5, -0.1]
    assert metadata["prompt_token_ids"] == [1, 2, 3]


def test_log_probabilities_of_other_tokens_are_left_out(serve: Serve) -> None:
    choice = {**GOOD["choices"][0], "token_ids": [5, 1], "logprobs": {"content": [{"logprob": -0.5}]}}
    with serve(saying(body={**GOOD, "choices": [choice]})) as address, connect(address) as model:
        metadata = model.invoke("hi").response_metadata
    assert metadata["token_ids"] == [5, 1]
    assert "logprobs" not in metadata


def test_nobody_there_is_one_clear_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        ServerError, match=rf"http://127.0.0.1:{port}/v1 cannot be reached .*; start the server"
    ):
        connect(f"http://127.0.0.1:{port}/v1")


@pytest.mark.parametrize("spec", ["http:///v1", "https://:80/v1", "http://a:b/v1"])
def test_an_address_that_is_none_is_refused(spec: str) -> None:
    with pytest.raises(UserError, match="no address"):
        connect(spec)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (saying(text="<html>hello</html>"), "'<html>hello</html>', which is not JSON"),
        (saying(body=[1]), "gives no list of models"),
        (saying(body={"data": [{"name": "a"}]}), "gives no list of models"),
        (saying(body={"data": []}), "serves no model"),
        (
            saying(404, text="nothing here"),
            r"answers 404 \(nothing here\); check that the address ends in /v1",
        ),
        (saying(404, text="<!doctype html><p>Not here"), r"answers 404 \(a page of HTML\); check"),
        (saying(401, {"error": {"message": "who are you"}}), r"answers 401 \(who are you\); give api_key"),
        (saying(500, text="oops"), r"answers 500 \(oops\)"),
    ],
)
def test_a_server_that_is_something_else_is_named(serve: Serve, models: Any, message: str) -> None:
    with serve(saying(), models) as address, pytest.raises(ServerError, match=message):
        connect(address)


def test_a_model_that_the_server_has_not_is_named(rule_server: str) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        (rule_server, {"model": "other"}),
        (f"{rule_server}#other", {}),
    ]
    for spec, settings in cases:
        with pytest.raises(ServerError, match="has no model 'other'; it has: rule"):
            connect(spec, **settings)


@pytest.mark.parametrize(
    ("chat", "error", "message"),
    [
        (saying(text="{"), ServerError, "which is not JSON"),
        (saying(body={"answer": "yes"}), ServerError, "no list 'choices'"),
        (saying(body={"choices": []}), ServerError, "0 choices where n=1"),
        (saying(body={"choices": [{"text": "yes"}]}), ServerError, "no 'message'"),
        (saying(body={"choices": [{"message": {"content": 5}}]}), ServerError, "content is int, not text"),
        (
            saying(404, {"error": {"message": "no such model"}}),
            ServerError,
            "404 .no such model.*serves 'rule'",
        ),
        (saying(400, {"detail": "bad temperature"}), UserError, "answers 400: bad temperature"),
        (
            saying(400, {"error": {"message": "This model's maximum context length is 256 tokens"}}),
            ContextTooLong,
            "maximum context length is 256",
        ),
        (saying(429, {"error": "slow down"}), ServerError, r"429 after 3 tries \(slow down\)"),
        (saying(500, {"message": "broke"}), ServerError, r"500 \(broke\)"),
    ],
)
def test_a_bad_answer_is_one_clear_sentence(
    serve: Serve, quick: dict[str, Any], chat: Any, error: type[Exception], message: str
) -> None:
    with (
        serve(chat) as address,
        connect(address, **quick) as model,
        pytest.raises(error, match=message) as caught,
    ):
        model.invoke("hi")
    assert address in str(caught.value)


@pytest.fixture
def moody() -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """A server that is busy once, then resets once, then refuses whatever is not plain OpenAI."""
    asked: list[dict[str, Any]] = []

    async def chat(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        if len(asked) == 1:
            return web.Response(status=503, headers={"Retry-After": "0"})
        if len(asked) == 2:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if "return_token_ids" in asked[-1]:
            return web.json_response({"error": {"message": "Unrecognized: return_token_ids"}}, status=400)
        if "max_tokens" in asked[-1]:
            message = "'max_tokens' is not supported; use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": message}}, status=400)
        if "logprobs" in asked[-1]:
            return web.json_response({"error": {"message": "logprobs are not available"}}, status=400)
        return web.json_response(GOOD)

    yield chat, asked


def test_busy_and_lost_are_tried_again_and_refusals_are_learnt_once(
    serve: Serve, quick: dict[str, Any], moody: tuple[Any, list[dict[str, Any]]]
) -> None:
    chat, asked = moody
    with serve(chat) as address, connect(address, **quick) as model:
        assert model.invoke("hi").content == "yes"
        tries = len(asked)
        assert model.invoke("hi").content == "yes"
    assert tries == 6
    assert len(asked) == 7


def test_a_stream_that_breaks_off_is_an_error(serve: Serve) -> None:
    async def chat(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n')
        return response

    with serve(chat) as address, connect(address) as model:
        stream = model.stream("hi")
        assert next(stream).content == "half"
        with pytest.raises(ServerError, match=r"without \[DONE\]"):
            list(stream)


def test_a_slow_server_is_named_with_the_time_out(serve: Serve) -> None:
    async def chat(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.json_response(GOOD)

    refused = pytest.raises(ServerError, match=r"within 0.2 s; raise timeout")
    with serve(chat) as address, connect(address, timeout=0.2) as model, refused:
        model.invoke("hi")


def test_the_key_and_the_settings_are_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str | None, Any]] = []

    async def chat(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Authorization"), await request.json()))
        return web.json_response(GOOD)

    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=7, stop=("x",))
    with serve(chat) as address:
        keys: list[dict[str, Any]] = [{}, {"api_key": "given"}]
        for settings in keys:
            with connect(address, sampling=sampling, **settings) as model:
                model.invoke("hi")
                assert "given" not in repr(model)
    assert [key for key, _ in seen] == ["Bearer from-environment", "Bearer given"]
    body = seen[0][1]
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["stop"]) == (0.5, 0.9, 7, ["x"])
    assert (body["logprobs"], body["return_token_ids"], body["n"]) == (True, True, 1)


def test_a_server_keeps_its_own_weights(rule_server: str) -> None:
    with connect(rule_server) as model, pytest.raises(UserError, match="keeps its own weights"):
        model.reload("/somewhere")


async def test_a_cancelled_request_leaves_the_engine_usable(serve: Serve) -> None:
    waits = iter([30.0, 0.0])

    async def chat(_: web.Request) -> web.Response:
        await asyncio.sleep(next(waits))
        return web.json_response(GOOD)

    with serve(chat) as address, connect(address) as model:
        task = asyncio.create_task(model.sample("hi"))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await model.sample("hi"))[0].content == "yes"


async def test_several_greedy_answers_are_asked_for_one_by_one(serve: Serve) -> None:
    with serve(saying(body=GOOD)) as address, connect(address) as model:
        answers = await model.sample("hi", n=3, sampling=Sampling(temperature=0))
    assert [answer.content for answer in answers] == ["yes"] * 3


def test_an_engine_that_nobody_holds_ends_its_thread(rule_server: str) -> None:
    def running() -> int:
        return sum(thread.name == "tutelage-http" for thread in threading.enumerate())

    before = running()
    model = connect(rule_server)
    assert running() == before + 1
    del model
    gc.collect()
    assert running() == before


def test_a_server_without_a_list_of_models_serves_the_one_that_is_named(serve: Serve) -> None:
    with serve(saying(body=GOOD), saying(404)) as address, connect(address, model="mine") as model:
        assert model.invoke("hi").content == "yes"
        assert (model.policy, model.context_length) == ("mine", None)
