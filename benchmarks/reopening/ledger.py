"""A file of what was begun, executed and acknowledged; every line is on disk before the next thing happens.

One `write` and one `fsync` a line, by the process that is killed. A line that was cut off by the kill is left out.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Ledger", "digest", "lines"]


class Ledger:
    """A file that is appended to."""

    def __init__(self, path: Path) -> None:
        """Open it, made where it is missing."""
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, kind: str, **said: Any) -> None:
        """Write a line; on disk when this returns."""
        os.write(self._handle, (json.dumps({"kind": kind, **said}) + "\n").encode())
        os.fsync(self._handle)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)


def lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Give the whole lines of a ledger; none where it was never begun."""
    if path.exists():
        for line in path.read_text("utf-8").split("\n")[:-1]:
            yield json.loads(line)


def digest(text: str) -> str:
    """A short name of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
