"""How many tokens a run has sampled and how fast, counted from its record at most a twentieth of the time.

It reads through a connection of its own, so that who writes never waits. Not covered: tokens not yet on record.
"""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

from tutelage.errors import StoreError
from tutelage.traces import Run

__all__ = ["Meter"]

SHARE = 20.0
OFTEN = 0.5
"""Seconds between two counts at least."""


class Meter:
    """Counts when it is asked."""

    def __init__(self, path: Path) -> None:
        """Prepare to read a run."""
        self.tokens = 0
        self.speed: float | None = None
        """Tokens a second between the two latest counts; `None` before there are two."""
        self._path = path
        self._run: Run | None = None
        self._counted: float | None = None
        self._next = 0.0
        self._busy = asyncio.Lock()

    async def count(self) -> None:
        """Count again, unless that was done lately."""
        async with self._busy:
            if time.monotonic() < self._next:
                return
            started = time.monotonic()
            with suppress(StoreError):
                tokens = await asyncio.to_thread(self._sampled)
                if self._counted is not None:
                    self.speed = (tokens - self.tokens) / (started - self._counted)
                self.tokens, self._counted = tokens, started
            taken = time.monotonic() - started
            self._next = started + max(OFTEN, SHARE * taken)

    def close(self) -> None:
        """Close the connection."""
        if self._run is not None:
            self._run.close()

    def _sampled(self) -> int:
        if self._run is None:
            self._run = Run.open(self._path)
        return sum(each.completion for each in self._run.tokens().values())
