"""An engine that starts when it is first asked, for a replay, which may never ask it.

Whether its spec can be right is checked at once, in milliseconds: the form, the settings, the model directory's files.
Until it has started, its name is the spec and its policy is empty, as nothing has spoken; prompts are rendered without
it where its directory is at hand. Not covered: objects of the user's, which make their engines themselves.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from tutelage.agents import Answer, Engine, Request, check_spec, connect
from tutelage.agents.engine import Piece
from tutelage.agents.rendering import Rendered, rendered
from tutelage.errors import EngineError

__all__ = ["LateEngine"]


class LateEngine:
    """An `Engine` that starts another one when that is needed."""

    def __init__(self, spec: str, settings: Mapping[str, Any], tell: Callable[[], None]) -> None:
        """Check a spec.

        Args:
            spec: As for `connect`.
            settings: The engine's.
            tell: Is called when it starts, which takes its time.

        Raises:
            UserError: The spec cannot be right.
        """
        self._spec = spec
        self._settings = dict(settings)
        self._tell = tell
        self._directory = check_spec(spec, **settings)
        self._prompts: Any = None
        self._engine: Engine | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The spec, until it has started."""
        return self._spec if self._engine is None else self._engine.name

    @property
    def policy(self) -> str:
        """Which weights speak; empty until it has started."""
        return "" if self._engine is None else self._engine.policy

    @property
    def context_length(self) -> int | None:
        """Tokens of prompt and answer together; `None` until it has started."""
        return None if self._engine is None else self._engine.context_length

    def started(self) -> Engine:
        """Give the engine, started if need be.

        Raises:
            TutelageError: It cannot start; the next call tries again.
        """
        with self._lock:
            if self._closed:
                raise EngineError("the engine is closed; connect() again.")
            if self._engine is None:
                self._tell()
                self._engine = connect(self._spec, **self._settings).engine
            return self._engine

    async def generate(self, request: Request) -> Answer:
        """Answer with `request.n` completions."""
        engine = await asyncio.to_thread(self.started)
        return await engine.generate(request)

    async def stream(self, request: Request) -> AsyncIterator[Piece]:
        """Answer piece by piece."""
        engine = await asyncio.to_thread(self.started)
        async for piece in engine.stream(request):
            yield piece

    async def render(self, request: Request) -> Rendered | None:
        """Say what the model would read, by its tokenizer alone where it has not started."""
        if self._engine is not None:
            return await rendered(self._engine, request)
        return await asyncio.to_thread(self._rendered, request)

    def _rendered(self, request: Request) -> Rendered | None:
        from tutelage.agents.engines.prompt_renderer import PromptRenderer

        if self._directory is None:
            return None
        with self._lock:
            if self._prompts is None:
                self._prompts = PromptRenderer(self._directory)
            ids = self._prompts.render(request)
            return Rendered(ids, self._prompts.spell(ids))

    def policy_with(self, adapter: str) -> str:
        """Which weights speak with a LoRA adapter; starts the engine, which alone knows."""
        return str(self._adapters().policy_with(adapter))

    def name_with(self, adapter: str) -> str:
        """What the record calls the engine with an adapter."""
        return str(self._adapters().name_with(adapter))

    def reload_adapter(self, adapter: str, directory: Path) -> None:
        """Take other weights for an adapter."""
        self._adapters().reload_adapter(adapter, directory)

    def reload(self, directory: Path) -> None:
        """Take the weights of a directory."""
        self.started().reload(directory)

    def close(self) -> None:
        """Free the engine, if it has started."""
        with self._lock:
            self._closed = True
            if self._engine is not None:
                self._engine.close()

    def _adapters(self) -> Any:
        """The engine, as one that holds adapters; local engines and servers do."""
        return self.started()
