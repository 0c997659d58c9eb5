"""A thread with an event loop of its own, in which an engine lives.

Engines keep sockets and tasks that belong to one loop, while callers come from any loop, from threads without
one, and from several at a time. `LoopThread` carries coroutines over and results back. A caller that is
cancelled cancels its coroutine there.

The thread is a daemon: it never keeps an interpreter from exiting. Freeing what lives in the loop is what the
owner gives to `finish`.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import aclosing
from typing import Any, TypeVar

from tutelage.errors import EngineError

__all__ = ["LoopThread"]

T = TypeVar("T")

CLOSED = "the engine was closed while it was working."


class LoopThread:
    """Runs coroutines in one background thread."""

    def __init__(self, name: str) -> None:
        """Start the thread; `name` shows in debuggers."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether the thread has ended."""
        return self._loop.is_closed() or not self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and block until it ends; an interrupt here cancels it there."""
        self._check_open(work)
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise EngineError(CLOSED) from None
        except BaseException:
            future.cancel()
            raise

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and await it from any loop."""
        self._check_open(work)
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            here = asyncio.current_task()
            if future.cancelled() and here is not None and not here.cancelling():
                raise EngineError(CLOSED) from None
            raise

    async def iterate(self, start: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
        """Iterate there over what `start` makes, and yield here."""
        here = asyncio.get_running_loop()
        items: asyncio.Queue[tuple[bool, Any]] = asyncio.Queue()

        def hand_over(more: bool, item: object) -> None:
            here.call_soon_threadsafe(items.put_nowait, (more, item))

        async def pump() -> None:
            try:
                async with aclosing(start()) as source:  # type: ignore[type-var]
                    async for item in source:
                        hand_over(True, item)
                hand_over(False, None)
            except asyncio.CancelledError:
                hand_over(False, EngineError(CLOSED))
                raise
            except Exception as error:
                hand_over(False, error)

        work = pump()
        self._check_open(work)
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while True:
                more, item = await items.get()
                if more:
                    yield item
                elif item is None:
                    return
                else:
                    raise item
        finally:
            future.cancel()

    def finish(self, last: Coroutine[Any, Any, None]) -> None:
        """Run a last coroutine there, cancel what else runs there and end the thread.

        The garbage collector may call this in the very thread that is to end; then it ends soon after.
        """
        work = _finish(last)
        if threading.current_thread() is self._thread:
            self._farewell = self._loop.create_task(work)
            self._farewell.add_done_callback(lambda _: self._loop.stop())
            return
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            done.result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _check_open(self, work: Coroutine[Any, Any, Any]) -> None:
        if self.closed:
            work.close()
            raise EngineError("the engine is closed; connect() again.")


async def _finish(last: Coroutine[Any, Any, None]) -> None:
    await last
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
