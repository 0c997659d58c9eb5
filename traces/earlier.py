"""Which sequence of token ids a new one continues: a parent's, else one of the latest of its rollout."""

from collections.abc import Sequence
from typing import NamedTuple

from tutelage.traces.arrays import WIDTH
from tutelage.traces.blobs import digest

__all__ = ["Earlier"]

RECENT = 16
"""Sequences that are compared id by id."""
SHARED = 16 * WIDTH
"""Bytes that have to be the same before sharing is worth a look."""


class Known(NamedTuple):
    """A sequence as it is remembered for good."""

    number: int
    length: int
    """In bytes."""
    name: bytes
    """Its digest."""


class Earlier:
    """The sequences of a rollout: the latest as they are, those before by their digests."""

    def __init__(self) -> None:
        """None yet."""
        self._latest: list[tuple[str, int, bytes]] = []
        self._before: dict[str, Known] = {}

    def add(self, turn: str, number: int, ids: bytes) -> None:
        """Remember what a turn read and wrote, by the number of its sequence."""
        if len(ids) >= SHARED:
            self._latest.append((turn, number, ids))
            if len(self._latest) > RECENT:
                turn, number, ids = self._latest.pop(0)
                self._before[turn] = Known(number, len(ids), digest(ids))

    def extend(self, other: "Earlier") -> None:
        """Remember what another one remembers, as read and written after one's own."""
        self._before |= other._before
        for each in other._latest:
            self.add(*each)

    def longest(self, ids: bytes, parents: Sequence[str]) -> tuple[int | None, int]:
        """Find the sequence that begins most like these ids: its number and for how many bytes."""
        best: int | None = None
        kept = 0
        start = ids[:SHARED]
        for _, number, known in self._latest:
            if known[:SHARED] == start:
                shared = _shared(ids, known)
                if shared >= kept:
                    best, kept = number, shared
        for parent in parents:
            old = self._before.get(parent)
            if old is not None and kept < old.length <= len(ids) and digest(ids[: old.length]) == old.name:
                best, kept = old.number, old.length
        return best, kept


def _shared(left: bytes, right: bytes) -> int:
    """How many bytes of whole ids two sequences share at their beginnings."""
    low, high = SHARED, min(len(left), len(right))
    if left[:high] == right[:high]:
        return high
    while high - low > WIDTH:
        middle = (low + high) // (2 * WIDTH) * WIDTH
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low
