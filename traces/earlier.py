"""Which sequence of token ids a new one continues, among the latest of its rollout."""

from tutelage.traces.arrays import WIDTH

__all__ = ["Earlier"]

RECENT = 16
"""Sequences that are compared."""
SHARED = 16 * WIDTH
"""Bytes that have to be the same before sharing is worth a look."""


class Earlier:
    """The latest sequences of a rollout, found by how they begin."""

    def __init__(self) -> None:
        """None yet."""
        self._sequences: list[tuple[int, bytes]] = []

    def add(self, number: int, ids: bytes) -> None:
        """Remember a sequence by its number."""
        if len(ids) >= SHARED:
            self._sequences.append((number, ids))
            del self._sequences[:-RECENT]

    def longest(self, ids: bytes) -> tuple[int | None, int]:
        """Find the sequence that begins most like these ids: its number and for how many bytes."""
        best: int | None = None
        kept = 0
        start = ids[:SHARED]
        for number, known in self._sequences:
            if known[:SHARED] == start:
                shared = _shared(ids, known)
                if shared >= kept:
                    best, kept = number, shared
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
