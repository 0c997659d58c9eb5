"""Collects jobs that arrive within a few milliseconds and runs them as batches of one kind.

The first job waits a little for company; jobs of the same `kind` then run together, at most `size` at a
time, the oldest first. While a batch runs, the next one gathers. One batch at a time; for use in one event
loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["MicroBatcher"]

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Job, Result]):
    kind: Hashable
    job: Job
    result: "asyncio.Future[Result]"


class MicroBatcher(Generic[Job, Result]):
    """Batches jobs of type `Job` into calls that give one `Result` each."""

    def __init__(
        self, run: Callable[[Sequence[Job]], Awaitable[Sequence[Result]]], *, size: int, wait_seconds: float
    ) -> None:
        """Batch calls of `run`, which gives one result a job in the same order."""
        self._run = run
        self._size = size
        self._wait = wait_seconds
        self._waiting: list[_Waiting[Job, Result]] = []
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, kind: Hashable, job: Job) -> Result:
        """Give a job and wait for its result; jobs of one kind may share a batch."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(kind, job, result)
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await waiting.result

    async def _work(self) -> None:
        await asyncio.sleep(self._wait)
        while batch := self._next_batch():
            try:
                results = await self._run([waiting.job for waiting in batch])
            except Exception as error:
                for waiting in batch:
                    if not waiting.result.done():
                        waiting.result.set_exception(error)
                continue
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.result.done():
                    waiting.result.set_result(result)

    def _next_batch(self) -> list[_Waiting[Job, Result]]:
        self._waiting = [waiting for waiting in self._waiting if not waiting.result.done()]
        if not self._waiting:
            return []
        kind = self._waiting[0].kind
        batch = [waiting for waiting in self._waiting if waiting.kind == kind][: self._size]
        taken = {id(waiting) for waiting in batch}
        self._waiting = [waiting for waiting in self._waiting if id(waiting) not in taken]
        return batch
