"""One of an engine's LoRA adapters, as an engine of its own.

Nothing is loaded twice: the requests go to the engine that holds the base, which answers those of all its adapters
together. Closing it closes that engine, too. A server's adapters are further names in its list of models.

Not covered: which engines hold adapters; those that do have `policy_with`.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from tutelage.agents.engine import Answer, Engine, Piece, Request
from tutelage.agents.rendering import Rendered, rendered
from tutelage.errors import UserError

__all__ = ["AdaptedEngine", "HoldsAdapters", "adapted"]


@runtime_checkable
class HoldsAdapters(Protocol):
    """What an engine has besides `Engine` where it answers `Request.adapter`."""

    def policy_with(self, adapter: str) -> str:
        """Which weights speak with this adapter.

        Raises:
            UserError: There is no such adapter; the message names those there are.
        """

    def name_with(self, adapter: str) -> str:
        """What the record calls the engine with this adapter."""

    def reload_adapter(self, adapter: str, directory: Path) -> None:
        """Take other weights for an adapter, once its requests in flight are answered."""


class AdaptedEngine:
    """An `Engine` over one adapter of another."""

    def __init__(self, base: Engine, adapter: str) -> None:
        """Stand for an adapter; see `adapted`."""
        assert isinstance(base, HoldsAdapters)
        base.policy_with(adapter)
        self.base = base
        self.adapter = adapter
        self._held: HoldsAdapters = base

    @property
    def name(self) -> str:
        """The base's name and the adapter's: `vllm:/models/a#critic`."""
        return self._held.name_with(self.adapter)

    @property
    def policy(self) -> str:
        """Content hashes of the base and of the adapter, joined by `+`."""
        return self._held.policy_with(self.adapter)

    @property
    def directory(self) -> Path | None:
        """Where the adapter that speaks now lies; `None` on a server."""
        told = getattr(self.base, "directory_with", None)
        return None if told is None else told(self.adapter)

    @property
    def context_length(self) -> int | None:
        """The base's."""
        return self.base.context_length

    async def generate(self, request: Request) -> Answer:
        """Answer with `request.n` completions."""
        return await self.base.generate(replace(request, adapter=self.adapter))

    def stream(self, request: Request) -> AsyncIterator[Piece]:
        """Answer piece by piece."""
        return self.base.stream(replace(request, adapter=self.adapter))

    async def render(self, request: Request) -> Rendered | None:
        """Say what the base would read; `None` where it cannot say."""
        return await rendered(self.base, replace(request, adapter=self.adapter))

    def reload(self, directory: Path) -> None:
        """Take another version of the adapter; the base and other adapters stay.

        Raises:
            ModelDirectoryError: It is broken or does not fit; nothing has changed.
            EngineError: The engine could not take it.
        """
        self._held.reload_adapter(self.adapter, directory)

    def close(self) -> None:
        """Close the base."""
        self.base.close()


def adapted(engine: Engine, adapter: str | None) -> Engine:
    """Give an engine that answers with one of the adapters of `engine`, or with its base alone.

    Raises:
        UserError: It has no such adapter.
    """
    base = engine.base if isinstance(engine, AdaptedEngine) else engine
    if adapter is None:
        return base
    if not isinstance(base, HoldsAdapters):
        raise UserError(
            f"{engine.name} holds no adapters; connect('vllm:DIR', adapters={{{adapter!r}: 'DIR'}})."
        )
    return AdaptedEngine(base, adapter)
