"""Standing between a chat model and its engine: look at a request, change it, answer it, or let it pass.

A context variable, as for recording: whoever sets an interceptor sees every model call made inside the block, in
whatever thread or task. What is recorded is what was really sent and said. Not covered: streamed answers, which pass
by in one piece while there is an interceptor.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from pydantic import JsonValue

from tutelage.agents.engine import Answer, Engine, Request

__all__ = [
    "Intercepted",
    "Interceptor",
    "Proceed",
    "current_interceptor",
    "intercepting",
    "intercepting_from",
]

Proceed: TypeAlias = Callable[[Request], Awaitable[Answer]]
"""Asks the engine."""


@dataclass(frozen=True, slots=True)
class Intercepted:
    """What came of a request."""

    request: Request
    """As it was sent, or answered."""
    answer: Answer
    author: str | None = None
    """Who answered where no model did: "person"."""
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    """For the record of every completion."""
    turns: tuple[str, ...] | None = None
    """Ids of the turns where the answer is on record already, and must not be recorded again."""
    recorded: Callable[[Sequence[str]], None] | None = None
    """Is told the ids of the turns once they are on record."""


class Interceptor(Protocol):
    """Sees every model call of a block."""

    async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        """Answer a request, by `proceed` or otherwise.

        Args:
            request: What is asked.
            engine: Who would answer.
            proceed: Asks the engine; may be called with a changed request.
        """


Source: TypeAlias = Callable[[], Interceptor | None]
_current: ContextVar[Source | None] = ContextVar("tutelage_interceptor", default=None)


def current_interceptor() -> Interceptor | None:
    """Give the interceptor in force; `None` where calls go straight to the engine."""
    source = _current.get()
    return None if source is None else source()


@contextmanager
def intercepting(interceptor: Interceptor | None) -> Iterator[None]:
    """Let an interceptor see every model call inside the block; `None` lets them pass."""
    with intercepting_from(lambda: interceptor):
        yield


@contextmanager
def intercepting_from(source: Source) -> Iterator[None]:
    """Ask at the beginning of every model call inside the block who sees it; nobody, where that is `None`."""
    token = _current.set(source)
    try:
        yield
    finally:
        _current.reset(token)
