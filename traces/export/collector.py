"""Python's cyclic garbage collector, held back for a moment in which many rows are made.

It would look at them again and again and find nothing, for a quarter of the time of an export.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_held"]


@contextmanager
def collector_held() -> Iterator[None]:
    """Hold the collector back, if it is not already."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
