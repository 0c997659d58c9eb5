"""Server-sent events: a page that watches a run under way is told of its growth.

One look a run serves all who listen, at most every `EVERY` seconds and at most a twentieth of the time, so that
watching costs a batch next to nothing; where nobody listens nothing is read. Not covered: what the page fetches then.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

from tutelage.errors import TutelageError
from tutelage.graphs.studio.library import Opened
from tutelage.graphs.studio.plain import json_bytes
from tutelage.graphs.studio.summary import counts

__all__ = ["EVERY", "events_of"]

EVERY = 1.0
"""Seconds between two looks."""
SHARE = 20
"""A look that takes so long is followed by a pause so many times as long."""
HEARTBEAT = 15.0
"""Seconds after which a listener that is gone is noticed."""
TICK = 0.25
"""Seconds between two questions whether the studio closes."""


async def events_of(
    opened: Opened, closing: Callable[[], bool], every: float = EVERY
) -> AsyncIterator[bytes]:
    """Give the events of a run until the studio closes: the first at once, then one whenever it has grown."""
    told, spoke = -1, time.monotonic()
    while not closing():
        started = time.monotonic()
        try:
            version, event = await run_in_threadpool(_look, opened, told)
        except TutelageError as error:
            yield b"event: gone\ndata: " + json_bytes({"error": str(error)}) + b"\n\n"
            return
        took = time.monotonic() - started
        if version != told:
            told, spoke = version, time.monotonic()
            yield b"event: changed\ndata: " + event + b"\n\n"
        elif time.monotonic() - spoke > HEARTBEAT:
            spoke = time.monotonic()
            yield b": still here\n\n"
        until = time.monotonic() + max(every, SHARE * took)
        while time.monotonic() < until and not closing():
            await asyncio.sleep(TICK)


def _look(opened: Opened, told: int) -> tuple[int, bytes]:
    """Find out the version, and say what there is now where it is new."""
    version = opened.index.refresh()
    if version == told:
        return version, b""
    found = {
        **counts(opened.index),
        "version": version,
        "touched": list(opened.index.touched),
        "live": opened.index.live,
    }
    return version, json_bytes(found)
