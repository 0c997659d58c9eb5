"""Awaiting from code that does not: in a thread without an event loop, or inside somebody's running one.

Context variables are the caller's in both cases. Ctrl-C cancels what is awaited.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["iterate_blocking", "run_blocking"]

T = TypeVar("T")


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in this thread, or beside the loop that runs in it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, work).result()


def iterate_blocking(source: AsyncIterator[T]) -> Iterator[T]:
    """Iterate over an asynchronous iterator from a thread that may have a running loop."""
    items: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    left = threading.Event()

    async def pump() -> None:
        try:
            async for item in source:
                items.put(("item", item))
                if left.is_set():
                    break
        except BaseException as error:
            items.put(("error", error))
        else:
            items.put(("end", None))
        finally:
            if isinstance(source, AsyncGenerator):
                with suppress(Exception):
                    await source.aclose()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(asyncio.run, pump()), daemon=True)
    thread.start()
    try:
        while True:
            kind, item = items.get()
            if kind == "end":
                return
            if kind == "error":
                raise item
            yield item
    finally:
        left.set()
        thread.join()
