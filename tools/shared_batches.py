"""Many threads ask, one of them computes for all: what waits goes into the next batch.

No thread of its own and no waiting time: whoever finds the model free takes what has gathered meanwhile. Not covered:
asynchronous callers, which come by `asyncio.to_thread`.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["SharedBatches"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@dataclass(slots=True)
class Slot(Generic[Asked, Told]):
    """One question with the place for its answer."""

    asked: Asked
    done: bool = False
    told: Told | None = None
    error: BaseException | None = None


class SharedBatches(Generic[Asked, Told]):
    """Answers questions of many threads in batches.

    Args:
        answer: gives one answer a question, in their order; never called by two threads at once.
        size: the most questions of a batch.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Sequence[Told]], size: int) -> None:
        """See the class."""
        self._answer = answer
        self._size = size
        self._waiting: deque[Slot[Asked, Told]] = deque()
        self._free = Lock()

    def ask(self, question: Asked) -> Told:
        """Give the answer to a question; what `answer` raises, all askers of its batch get."""
        own: Slot[Asked, Told] = Slot(question)
        self._waiting.append(own)
        with self._free:
            while not own.done:
                self._next([self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))])
        if own.error is not None:
            raise own.error
        return own.told  # type: ignore[return-value]

    def _next(self, batch: Sequence[Slot[Asked, Told]]) -> None:
        try:
            for slot, told in zip(batch, self._answer([slot.asked for slot in batch]), strict=True):
                slot.told = told
        except BaseException as error:
            for slot in batch:
                slot.error = error
        for slot in batch:
            slot.done = True
