"""The lock that makes a run's writer the only one: `flock` on the run's directory.

The kernel gives it back when the process ends, however it ends. The directory is locked rather than the
database because closing any handle of a file drops SQLite's own locks on it. A forked child does not inherit
the lock. Not covered: machines that share a directory over a network (SQLite's write-ahead log does not work
there either).
"""

import fcntl
import os
import weakref
from pathlib import Path

from tutelage.errors import StoreError

__all__ = ["WriterLock"]


class WriterLock:
    """Held from construction until `release`, garbage collection or the end of the process."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            StoreError: Another writer holds it, or the directory cannot be locked.
        """
        try:
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StoreError(f"run {str(directory)!r} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise StoreError(_refusal(directory, error)) from error
        self.release = weakref.finalize(self, os.close, handle)
        """Give the lock back; harmless when done twice."""
        mine = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _drop(mine))


def _refusal(directory: Path, error: OSError) -> str:
    if isinstance(error, BlockingIOError):
        return (
            f"run {str(directory)!r} is being written by another process, or elsewhere in this one; "
            "wait for it or end it, or use another directory (reading is possible at any time)"
        )
    return f"run {str(directory)!r} cannot be locked for writing: {error.strerror}"


def _drop(lock: "weakref.ref[WriterLock]") -> None:
    held = lock()
    if held is not None:
        held.release()
