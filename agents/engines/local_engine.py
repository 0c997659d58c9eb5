"""What the engines over local weights share: a checked directory, prompts, a thread of their own, reloading.

A prompt that leaves no room for a single token is `ContextTooLong`. Where fewer than `max_tokens` fit, what
fits is what is asked for; such an answer ends with the finish reason `"length"`.
"""

import asyncio
import atexit
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tutelage.agents.adapter_directory import AdapterDirectory, open_adapter_directory
from tutelage.agents.engine import Answer, Piece, Request
from tutelage.agents.engines.gate import Gate
from tutelage.agents.engines.loop_thread import LoopThread
from tutelage.agents.engines.prompt_renderer import PromptRenderer
from tutelage.agents.gathering import Gathering
from tutelage.agents.model_directory import ModelDirectory, open_model_directory
from tutelage.agents.rendering import Rendered
from tutelage.errors import ContextTooLong, UserError

__all__ = ["LocalEngine", "Prompt"]

Prompt = tuple[int, ...]


class LocalEngine(ABC):
    """An `Engine` over a model directory; a subclass computes, in the engine's own thread."""

    def __init__(
        self,
        kind: str,
        directory: str | Path,
        max_model_len: int | None,
        adapters: Mapping[str, Path] | None = None,
    ) -> None:
        """Check the directories and load the tokenizer, which is quick; the subclass loads the weights.

        Raises:
            ModelDirectoryError: Something in a directory is missing or broken, or an adapter does not fit.
        """
        self._model = open_model_directory(directory)
        self._prompts = PromptRenderer(self._model)
        self._name = f"{kind}:{self._model.path}"
        self._policy = self._model.policy()
        self._adapters: dict[str, AdapterDirectory] = {
            name: open_adapter_directory(path, self._model, self._policy)
            for name, path in (adapters or {}).items()
        }
        self._directory = self._model.path
        self._context_length = _context_length(self._model, max_model_len)
        self._gate = Gate()
        self._loop = LoopThread(f"tutelage-{kind}")
        self._held: list[Callable[[], None]] = []
        self._finalizer = weakref.finalize(self, _dispose, self._held, self._loop)

    def _hold(self, release: Callable[[], None]) -> None:
        """Say how to free something; called in the engine's thread on `close`, at exit, or when nobody is
        left.

        The exit hook is registered here rather than with the finalizer: hooks run last-in first-out, and
        this one has to run before those that multiprocessing registered while the engine started.
        """
        self._held.append(release)
        atexit.register(self._finalizer)

    @property
    def name(self) -> str:
        """The kind of engine and the directory that it started on."""
        return self._name

    @property
    def policy(self) -> str:
        """A content hash of the weights that speak now."""
        return self._policy

    @property
    def directory(self) -> Path:
        """Where the weights that speak now lie."""
        return self._directory

    @property
    def context_length(self) -> int | None:
        """Tokens of prompt and answer together."""
        return self._context_length

    async def generate(self, request: Request) -> Answer:
        """Answer with `request.n` completions, all of one policy version."""
        return await self._loop.call(self._admit(request))

    def stream(self, request: Request) -> AsyncIterator[Piece]:
        """Answer piece by piece."""
        if request.n != 1:
            raise UserError(f"n={request.n}: a stream is one completion; ask without streaming.")
        return self._loop.iterate(lambda: self._admit_stream(request))

    async def render(self, request: Request) -> Rendered:
        """Say what would be read for a request, however long; nothing is sampled."""
        return await self._loop.call(self._render(request))

    def reload(self, directory: Path) -> None:
        """Take the weights of `directory`, after what is in flight has finished.

        Raises:
            ModelDirectoryError: The directory is broken, or holds another architecture; nothing has changed.
            EngineError: The engine could not take them.
        """
        other = open_model_directory(directory)
        self._model.check_fits(other)
        self._loop.run(self._exchange(other, other.policy()))

    def name_with(self, adapter: str) -> str:
        """The engine's name and an adapter's: `vllm:/models/a#critic`."""
        return f"{self._name}#{adapter}"

    def policy_with(self, adapter: str | None) -> str:
        """Content hashes of the base and of an adapter, joined by `+`; of the base alone without one.

        Raises:
            UserError: There is no such adapter.
        """
        if adapter is None:
            return self._policy
        if adapter not in self._adapters:
            known = ", ".join(sorted(self._adapters)) or "none"
            raise UserError(f"{self._name} has no adapter {adapter!r}; it has: {known}.")
        return f"{self._policy}+{self._adapters[adapter].policy}"

    def reload_adapter(self, adapter: str, directory: Path) -> None:
        """Take another version of an adapter, after what is in flight has finished.

        Raises:
            ModelDirectoryError: It is broken or does not fit the base; nothing has changed.
            EngineError: The engine could not take it.
        """
        self.policy_with(adapter)
        found = open_adapter_directory(directory, self._model, self._policy)
        self._loop.run(self._exchange_adapter(adapter, found))

    def directory_with(self, adapter: str) -> Path:
        """Where an adapter that speaks now lies.

        Raises:
            UserError: There is no such adapter.
        """
        self.policy_with(adapter)
        return self._adapters[adapter].path

    def close(self) -> None:
        """Free the weights and end the thread; twice is harmless."""
        atexit.unregister(self._finalizer)
        self._finalizer()

    def __repr__(self) -> str:
        """Name the engine and the weights it has now."""
        return f"<{type(self).__name__} {self.name} policy {self.policy}>"

    @abstractmethod
    async def _answer(self, request: Request, prompt: Prompt, max_tokens: int) -> Answer:
        """Compute, in the engine's thread."""

    @abstractmethod
    def _pieces(self, request: Request, prompt: Prompt, max_tokens: int) -> AsyncIterator[Piece]:
        """Compute piece by piece, in the engine's thread."""

    @abstractmethod
    async def _load(self, model: ModelDirectory) -> None:
        """Take other weights, in the engine's thread, with no request in flight."""

    @abstractmethod
    async def _load_adapter(self, name: str, adapter: AdapterDirectory) -> None:
        """Take an adapter in the place of the one of this name, with no request in flight."""

    async def _render(self, request: Request) -> Rendered:
        prompt = self._prompts.render(request)
        return Rendered(prompt, self._prompts.spell(prompt))

    async def _admit(self, request: Request) -> Answer:
        prompt, max_tokens = self._fit(request)
        async with self._gate.shared():
            answer = await self._answer(request, prompt, max_tokens)
        if request.begun:
            return replace(answer, prompt_token_ids=prompt[: -len(request.begun)])
        for completion in answer.completions:
            self._prompts.remember(request, prompt, completion)
        return answer

    async def _admit_stream(self, request: Request) -> AsyncIterator[Piece]:
        prompt, max_tokens = self._fit(request)
        gathering = Gathering()
        async with self._gate.shared():
            async for piece in self._pieces(request, prompt, max_tokens):
                gathering.add(piece)
                if piece.finish_reason and not request.begun:
                    self._prompts.remember(request, prompt, gathering.answer().completions[0])
                yield piece

    async def _exchange(self, model: ModelDirectory, policy: str) -> None:
        async with self._gate.exclusive():
            await asyncio.shield(self._load(model))
            self._policy = policy
            self._directory = model.path

    async def _exchange_adapter(self, name: str, adapter: AdapterDirectory) -> None:
        async with self._gate.exclusive():
            await asyncio.shield(self._load_adapter(name, adapter))
            self._adapters[name] = adapter

    def _fit(self, request: Request) -> tuple[Prompt, int]:
        self.policy_with(request.adapter)
        prompt = (*self._prompts.render(request), *request.begun)
        if self._context_length is None:
            return prompt, request.sampling.max_tokens
        room = self._context_length - len(prompt)
        if room < 1:
            raise ContextTooLong(
                f"the prompt has {len(prompt)} tokens and {self.name} holds {self._context_length}, "
                "prompt and answer together; shorten the prompt or connect with a greater max_model_len."
            )
        return prompt, min(room, request.sampling.max_tokens)


def _context_length(model: ModelDirectory, asked: int | None) -> int | None:
    own = model.context_length
    if asked is not None and own is not None and asked > own:
        raise UserError(
            f"max_model_len={asked} is more than {str(model.path)!r} can hold ({own} tokens by its "
            "config.json)."
        )
    return asked or own


def _dispose(held: list[Callable[[], None]], loop: LoopThread) -> None:
    async def release() -> None:
        while held:
            held.pop()()

    if not loop.closed:
        loop.finish(release())
