"""Which rollout is being recorded here and now, so that chat models record without being told.

A context variable: asyncio tasks inherit it when they are made, and so do threads that run in a copied
context (`asyncio.to_thread`, LangChain's executors). Not covered: a bare `threading.Thread`, which starts
without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tutelage.traces.recorder import RolloutRecorder

__all__ = ["current_recorder", "recording"]

_current: ContextVar[RolloutRecorder | None] = ContextVar("tutelage_recorder", default=None)


def current_recorder() -> RolloutRecorder | None:
    """Give the recorder of the rollout in progress; `None` outside one."""
    return _current.get()


@contextmanager
def recording(recorder: RolloutRecorder | None) -> Iterator[RolloutRecorder | None]:
    """Record into this rollout inside the block; `None` records nothing there."""
    token = _current.set(recorder)
    try:
        yield recorder
    finally:
        _current.reset(token)
