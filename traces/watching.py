"""Whether a run is being written at this moment, found out without disturbing the writer.

Taking the writer's lock for a moment could refuse a writer that starts in that moment, so the kernel's list of locks
is read instead. Where there is none (other systems than Linux), a run counts as being written while its log is
younger than `FRESH`. Not covered: machines that share a directory.
"""

import os
import time
from pathlib import Path

__all__ = ["being_written"]

LOCKS = Path("/proc/locks")
FRESH = 30.0
"""Seconds."""


def being_written(path: Path | None) -> bool:
    """Say whether some process holds the writer's lock of a run's directory."""
    if path is None or not path.is_dir():
        return False
    found = os.stat(path)
    try:
        locks = LOCKS.read_text("ascii")
    except OSError:
        return _fresh(path)
    own = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return any(own in line.split() and "FLOCK" in line for line in locks.splitlines())


def _fresh(path: Path) -> bool:
    log = path / "run.sqlite-wal"
    try:
        return time.time() - log.stat().st_mtime < FRESH
    except OSError:
        return False
