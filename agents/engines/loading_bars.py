"""Reading weights with transformers without its progress bars, which it shows for models of any size."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_bars"]


@contextmanager
def without_bars() -> Iterator[None]:
    """Show none inside; afterwards it is as before."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
