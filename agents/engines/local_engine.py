"""What the engines over local weights share: a checked directory, prompts, a thread of their own, reloading.

A prompt that leaves no room for a single token is `ContextTooLong`. Where fewer than `max_tokens` fit, what
fits is what is asked for; such an answer ends with the finish reason `"length"`.
"""

import asyncio
import atexit
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tutelage.agents.engine import Answer, Piece, Request
from tutelage.agents.engines.gate import Gate
from tutelage.agents.engines.loop_thread import LoopThread
from tutelage.agents.engines.prompt_renderer import PromptRenderer
from tutelage.agents.model_directory import ModelDirectory, open_model_directory
from tutelage.errors import ContextTooLong, UserError

__all__ = ["LocalEngine", "Prompt"]

Prompt = tuple[int, ...]


class LocalEngine(ABC):
    """An `Engine` over a model directory; a subclass computes, in the engine's own thread."""

    def __init__(self, kind: str, directory: str | Path, max_model_len: int | None) -> None:
        """Check the directory and load its tokenizer, which is quick; the subclass loads the weights.

        Raises:
            ModelDirectoryError: Something in the directory is missing or broken.
        """
        self._model = open_model_directory(directory)
        self._prompts = PromptRenderer(self._model)
        self._name = f"{kind}:{self._model.path}"
        self._policy = self._model.policy()
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

    def reload(self, directory: Path) -> None:
        """Take the weights of `directory`, after what is in flight has finished.

        Raises:
            ModelDirectoryError: The directory is broken, or holds another architecture; nothing has changed.
            EngineError: The engine could not take them.
        """
        other = open_model_directory(directory)
        self._model.check_fits(other)
        self._loop.run(self._exchange(other, other.policy()))

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

    async def _admit(self, request: Request) -> Answer:
        prompt, max_tokens = self._fit(request)
        async with self._gate.shared():
            return await self._answer(request, prompt, max_tokens)

    async def _admit_stream(self, request: Request) -> AsyncIterator[Piece]:
        prompt, max_tokens = self._fit(request)
        async with self._gate.shared():
            async for piece in self._pieces(request, prompt, max_tokens):
                yield piece

    async def _exchange(self, model: ModelDirectory, policy: str) -> None:
        async with self._gate.exclusive():
            await asyncio.shield(self._load(model))
            self._policy = policy
            self._directory = model.path

    def _fit(self, request: Request) -> tuple[Prompt, int]:
        prompt = self._prompts.render(request)
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
