"""Limits on rows: each content once, so many of a task, equally many of each kind.

Not covered: held-out tasks (`tutelage.traces.export.decontamination`).
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping

__all__ = ["PerTask", "Seen", "Thinning"]

CACHE = 16_384
"""Kibibytes of seen contents that are held in memory; the rest is in a temporary file."""
LAST = (1 << 25) - 1
"""The last bit of the bitmap, which takes 4 MiB."""
FRESH = 1 << 13
"""Hashes that are written to the table at a time."""


class Seen:
    """Contents that have come by, as 64-bit hashes in a temporary table that spills to the disk.

    A bitmap of fixed size says of most contents that they are new, so that the table is asked about few; new
    hashes are written to it many at a time. Two different contents are taken for one with a chance of about
    n²/2⁶⁵: 3·10⁻⁸ for a million rows.
    """

    def __init__(self) -> None:
        """Have seen nothing."""
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE}"):
            self._table.execute(f"PRAGMA {setting}")
        self._table.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY)")
        self._table.execute("BEGIN")
        self._bits = bytearray((LAST + 1) // 8)
        self._fresh: set[int] = set()

    def holds(self, name: int) -> bool:
        """Say whether a content, given by its hash, has come by."""
        if not self._bits[(name & LAST) >> 3] & 1 << (name & 7):
            return False
        return name in self._fresh or self._known(name)

    def add(self, name: int) -> None:
        """Take note of a content that had not come by."""
        self._bits[(name & LAST) >> 3] |= 1 << (name & 7)
        self._fresh.add(name)
        if len(self._fresh) == FRESH:
            self._table.executemany("INSERT INTO seen VALUES (?)", zip(sorted(self._fresh), strict=True))
            self._fresh.clear()

    def close(self) -> None:
        """Forget."""
        self._table.close()

    def _known(self, name: int) -> bool:
        return self._table.execute("SELECT 1 FROM seen WHERE hash = ?", (name,)).fetchone() is not None


class PerTask:
    """At most so many rows of one task; tasks come one after the other."""

    def __init__(self, limit: int | None) -> None:
        """Count no task yet."""
        self.limit = limit
        self._task = -1
        self._taken = 0

    def full(self, task: int) -> bool:
        """Say whether the task, given by its number, has all the rows it may have."""
        if task != self._task:
            self._task, self._taken = task, 0
        return self.limit is not None and self._taken >= self.limit

    def take(self) -> None:
        """Count a row of the task."""
        self._taken += 1


class Thinning:
    """Takes equally many rows of each kind, evenly over the run.

    Of n rows of a kind and a quota q, row i (from 0) is taken where ⌊(i+1)·q/n⌋ exceeds ⌊i·q/n⌋. Rows that were
    not there when they were counted, more of a kind or of a new one, are not taken.
    """

    def __init__(self, found: Mapping[object, int]) -> None:
        """Know how many rows of each kind there are."""
        self._found = found
        self._quota = min(found.values(), default=0)
        self._passed: Counter[object] = Counter()

    def take(self, kind: object) -> bool:
        """Say whether the next row of a kind is taken."""
        at, total = self._passed[kind], self._found.get(kind, 0)
        if at >= total:
            return False
        self._passed[kind] += 1
        return (at + 1) * self._quota // total > at * self._quota // total
