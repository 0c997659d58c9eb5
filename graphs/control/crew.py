"""A changing number of workers over one event loop, all or nothing: where one fails, the others are cancelled.

A worker is a coroutine that takes work until there is none, or until it is one too many. Not covered: who gives work.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Crew"]


class Crew:
    """Workers, as many as are wanted now."""

    def __init__(self, worker: Callable[[], Coroutine[Any, Any, None]], size: int) -> None:
        """Prepare.

        Args:
            worker: Makes a worker; between two pieces of work it asks `one_too_many`.
            size: How many are wanted at first.
        """
        self._worker = worker
        self._size = size
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[None] | None = None

    async def work(self) -> None:
        """Work until every worker has left.

        Raises:
            BaseException: The first error of any, or the caller's own cancellation, once none works any more.
        """
        self._over = asyncio.get_running_loop().create_future()
        self.resize(self._size)
        try:
            await self._over
        except BaseException:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise

    def one_too_many(self) -> bool:
        """Whether the worker that asks should leave; it is not counted any more if so."""
        if len(self._tasks) <= self._size:
            return False
        task = asyncio.current_task()
        if task is not None:
            self._tasks.discard(task)
        return True

    def resize(self, size: int) -> None:
        """Want another number of workers; in the loop's own thread, while they work."""
        self._size = size
        if self._over is None or self._over.done():
            return
        while len(self._tasks) < size:
            task = asyncio.ensure_future(self._worker())
            self._tasks.add(task)
            task.add_done_callback(self._left)

    def end(self, error: BaseException) -> None:
        """End all work with an error; in the loop's own thread."""
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    def _left(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if self._over is None or self._over.done():
            if not task.cancelled():
                task.exception()
            return
        if task.cancelled():
            self._over.cancel()
        elif (error := task.exception()) is not None:
            self._over.set_exception(error)
        elif not self._tasks:
            self._over.set_result(None)
