"""A rollout held at one moment: it waits until it is let go, and meanwhile does what it is asked in its own thread.

The event loop of the graph (or of a synchronous model call) stays free while it waits. Not covered: why it is held.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from tutelage.errors import UserError
from tutelage.graphs.control.moment import Moment
from tutelage.graphs.debugging.view import Stop

__all__ = ["Hold"]

Result = TypeVar("Result")


class Hold:
    """Made in the event loop that is to wait."""

    def __init__(self, moment: Moment, stop: Stop, owner: int | None, number: int) -> None:
        """Hold a rollout at a moment, for a client; `None` holds it until anybody lets it go."""
        self.moment = moment
        self.stop = stop
        self.owner = owner
        self.number = number
        """From 1, in the order in which this rollout was held."""
        self.going = False
        """Whether it was let go."""
        self.told = False
        """Whether its client knows of it."""
        self._loop = asyncio.get_running_loop()
        self._free = asyncio.Event()

    async def wait(self) -> None:
        """Wait until it is let go."""
        try:
            await self._free.wait()
        finally:
            self._free.set()

    def release(self) -> None:
        """Let it go; from any thread, harmless when done twice."""
        self.going = True
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._free.set)

    def do(self, action: Callable[[], Result]) -> "Future[Result]":
        """Do something while it is held, in its own thread.

        Raises:
            UserError: (In the future.) It is not held any more, or the action refuses.
        """
        outcome: Future[Result] = Future()

        def act() -> None:
            try:
                if self._free.is_set():
                    raise UserError("this rollout has gone on meanwhile")
                outcome.set_result(action())
            except Exception as error:
                outcome.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(act)
        except RuntimeError:
            outcome.set_exception(UserError("this rollout has gone on meanwhile"))
        return outcome
