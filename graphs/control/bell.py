"""A bell: waits in any event loop for something that any thread may bring about.

Whoever changes what others wait for rings; whoever waits looks again. Not covered: who comes first.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Bell"]

Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Bell:
    """Wakes all who wait, so that they look whether their time has come."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._lock = threading.Lock()
        self._waiting: set[Waiter] = set()

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready` says so; it is asked at once, and at every ring."""
        while not ready():
            loop = asyncio.get_running_loop()
            waiter = (loop, loop.create_future())
            with self._lock:
                self._waiting.add(waiter)
            try:
                if not ready():
                    await waiter[1]
            finally:
                with self._lock:
                    self._waiting.discard(waiter)

    def ring(self) -> None:
        """Wake all; from any thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for loop, future in waiting:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_wake, future)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
