"""Any OpenAI-compatible server as an engine: `vllm serve`, a hosted API, a proxy.

One aiohttp session lives on the engine's own thread. Token ids and log-probabilities come where the server
gives them; a server that refuses to be asked for them is asked without, once and for all. 429, 503 and lost
connections are tried again, waiting longer each time.

A server's weights are its own: `policy` is the model's name there, and `reload` is refused. LoRA adapters are further
names in a server's list of models.
Not covered: the server's life, other protocols than chat completions, media.
"""

import asyncio
import atexit
import json
import os
import random
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tutelage.agents.engine import Answer, Piece, Request, refuse_begun
from tutelage.agents.engines.http_failures import BUSY, Failures
from tutelage.agents.engines.http_wire import (
    Dialect,
    NotOpenAI,
    adapted,
    read_answer,
    read_piece,
    request_body,
)
from tutelage.agents.engines.loop_thread import LoopThread
from tutelage.agents.engines.single_requests import answer_singly, is_greedy_group
from tutelage.agents.settings import HttpSettings
from tutelage.errors import ServerError, UserError

__all__ = ["HttpEngine"]

EVENT_BYTES = 2**24
"""The longest line of a stream that is read; token ids of a long prompt make long lines."""


class HttpEngine:
    """An `Engine` over an OpenAI-compatible server."""

    def __init__(self, url: str, settings: HttpSettings | None = None) -> None:
        """Connect to a server and ask which models it has.

        Args:
            url: The address up to `/v1`; a `#model` at its end names the model.
            settings: See `HttpSettings`.

        Raises:
            UserError: The address is not one.
            ServerError: Nobody answers there, or something that is no OpenAI-compatible server, or the server has
                no such model.
        """
        self.settings = settings or HttpSettings()
        self._url, _, fragment = url.partition("#")
        self._url = self._url.rstrip("/")
        if not _is_address(self._url):
            raise UserError(f"{url!r} is no address of a server; give one like 'http://localhost:8000/v1'.")
        self._model = ""
        self._others: frozenset[str] | None = None
        self._dialect = Dialect()
        self._failures = Failures(self._url, self.settings.max_retries + 1, self.settings.timeout)
        self._loop = LoopThread("tutelage-http")
        self._session: aiohttp.ClientSession | None = None
        self._held: list[aiohttp.ClientSession] = []
        self._finalizer = weakref.finalize(self, _dispose, self._held, self._loop)
        atexit.register(self._finalizer)
        try:
            self._model, self._context_length = self._loop.run(
                self._open(self.settings.model or fragment or None)
            )
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The address and the model there: `http://localhost:8000/v1#model`."""
        return f"{self._url}#{self._model}"

    @property
    def policy(self) -> str:
        """The model's name at the server."""
        return self._model

    @property
    def context_length(self) -> int | None:
        """What the server's list of models says; `None` where it says nothing."""
        return self._context_length

    async def generate(self, request: Request) -> Answer:
        """Answer with `request.n` completions."""
        refuse_begun(self.name, request)
        return await self._loop.call(self._generate(request))

    def stream(self, request: Request) -> AsyncIterator[Piece]:
        """Answer piece by piece."""
        if request.n != 1:
            raise UserError(f"n={request.n}: a stream is one completion; ask without streaming.")
        refuse_begun(self.name, request)
        return self._loop.iterate(lambda: self._pieces(request))

    def reload(self, directory: Path) -> None:
        """Refuse: the weights are the server's.

        Raises:
            UserError: Always.
        """
        raise UserError(
            f"{self.name} is a server and keeps its own weights; restart it on {str(directory)!r}, or use "
            f"connect('vllm:{directory}')."
        )

    def name_with(self, adapter: str) -> str:
        """The address and an adapter's name there."""
        return f"{self._url}#{adapter}"

    def policy_with(self, adapter: str | None) -> str:
        """An adapter's name at the server, which is all that is known of its weights.

        Raises:
            UserError: The server lists no such model.
        """
        if adapter is not None and self._others is not None and adapter not in self._others:
            raise UserError(
                f"{self._url} has no adapter {adapter!r}; it has: {', '.join(sorted(self._others))}."
            )
        return adapter or self._model

    def reload_adapter(self, adapter: str, directory: Path) -> None:
        """Refuse, as `reload` does.

        Raises:
            UserError: Always.
        """
        self.reload(directory)

    def close(self) -> None:
        """Close the connections; twice is harmless."""
        atexit.unregister(self._finalizer)
        self._finalizer()

    async def _open(self, model: str | None) -> tuple[str, int | None]:
        key = (
            self.settings.api_key.get_secret_value() if self.settings.api_key else os.getenv("OPENAI_API_KEY")
        )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._held.append(
            aiohttp.ClientSession(
                headers=headers | dict(self.settings.headers),
                timeout=aiohttp.ClientTimeout(total=self.settings.timeout, sock_connect=30),
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                read_bufsize=2**18,
            )
        )
        self._session = self._held[0]
        try:
            async with self._session.get(f"{self._url}/models") as response:
                if model is not None and response.status in (404, 405):
                    return model, None
                body = await self._body(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failures.unreachable(error) from error
        models = body.get("data") if isinstance(body, dict) else None
        if not isinstance(models, list) or not all(
            isinstance(entry, dict) and "id" in entry for entry in models
        ):
            raise self._failures.strange("GET /models gives no list of models")
        return self._choose(model, models)

    def _choose(self, model: str | None, models: list[dict[str, Any]]) -> tuple[str, int | None]:
        known = {str(entry["id"]): entry for entry in models}
        self._others = frozenset(known)
        if model is None:
            if not known:
                raise ServerError(f"{self._url} serves no model; start the server with one.")
            model = next(iter(known))
        elif model not in known:
            raise ServerError(
                f"{self._url} has no model {model!r}; it has: {', '.join(sorted(known)) or 'none'}."
            )
        length = known[model].get("max_model_len")
        return model, length if isinstance(length, int) else None

    async def _generate(self, request: Request) -> Answer:
        if is_greedy_group(request):
            return await answer_singly(request, self._generate)
        async with self._post(request, streaming=False) as response:
            body = await self._body(response)
        try:
            return read_answer(body, self.policy_with(request.adapter), request.n)
        except NotOpenAI as error:
            raise self._failures.strange(str(error)) from error

    async def _pieces(self, request: Request) -> AsyncIterator[Piece]:
        async with self._post(request, streaming=True) as response:
            async for event in self._events(response):
                try:
                    yield read_piece(event, self.policy_with(request.adapter))
                except NotOpenAI as error:
                    raise self._failures.strange(str(error)) from error

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
        """Server-sent events, up to `[DONE]`."""
        try:
            while line := await response.content.readline(max_line_length=EVENT_BYTES):
                field, _, value = line.decode(errors="replace").strip().partition(":")
                if field != "data":
                    continue
                if value.strip() == "[DONE]":
                    return
                event = self._json(value)
                if isinstance(event, dict) and event.get("error"):
                    raise self._failures.broken_off(event)
                yield event
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failures.unreachable(error) from error
        raise self._failures.broken_off()

    @asynccontextmanager
    async def _post(self, request: Request, *, streaming: bool) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, again where that may help, and give the response once its status is 200."""
        assert self._session is not None
        model = self.policy_with(request.adapter)
        tries = 0
        while True:
            body = request_body(request, model, self._dialect, streaming=streaming)
            asked = self._dialect
            try:
                response = await self._session.post(f"{self._url}/chat/completions", json=body)
            except (aiohttp.ClientConnectionError, ConnectionError) as error:
                if tries >= self.settings.max_retries:
                    raise self._failures.unreachable(error) from error
                wait = self._pause(tries, None)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._failures.unreachable(error) from error
            else:
                async with response:
                    if response.status == 200:
                        yield response
                        return
                    if response.status not in BUSY or tries >= self.settings.max_retries:
                        if await self._adapt(response, asked):
                            continue
                        raise self._failures.refused(
                            response.status, await response.text(errors="replace"), model
                        )
                    wait = self._pause(tries, response.headers.get("Retry-After"))
            tries += 1
            await asyncio.sleep(wait)

    def _pause(self, tries: int, asked: str | None) -> float:
        if asked is not None and asked.isdigit():
            return min(float(asked), self.settings.timeout)
        return float(self.settings.retry_seconds * 2**tries * random.uniform(0.75, 1.25))

    async def _adapt(self, response: aiohttp.ClientResponse, asked: Dialect) -> bool:
        """Learn from a refusal; whether asking again makes sense."""
        if response.status not in (400, 422):
            return False
        better = adapted(asked, await response.text())
        if better is not None:
            self._dialect = better
        return better is not None

    async def _body(self, response: aiohttp.ClientResponse) -> Any:
        if response.status != 200:
            raise self._failures.refused(response.status, await response.text(errors="replace"), self._model)
        try:
            return self._json((await response.read()).decode(errors="replace"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failures.unreachable(error) from error

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            start = " ".join(text.split())[:60]
            raise self._failures.strange(f"it answers {start!r}, which is not JSON") from None


def _dispose(held: list[aiohttp.ClientSession], loop: LoopThread) -> None:
    async def release() -> None:
        while held:
            await held.pop().close()

    if not loop.closed:
        loop.finish(release())


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
