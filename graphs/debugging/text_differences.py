"""Two texts side by side: what they share, what went and what came, in words; in lines where they are long.

Lines are aligned first, by those that stand once in both (patience, Bram Cohen's); what differs between them is aligned
again word by word. Stretches without such items go to Myers' algorithm (1986) while it finds few changes. So 100 kB take
some milliseconds, and 10 MB a few seconds at most: blocks that are too long for words are shown line by line, and those
with little in common as one that went and one that came. Not covered: moved text.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["Piece", "Sign", "align", "compare_texts"]

Sign: TypeAlias = Literal["=", "-", "+"]

WORDS = re.compile(r"\w+|\s+|[^\w\s]")
LINES = re.compile(r"[^\n]*\n|[^\n]+")
LONGEST = 1 << 18
"""Characters of a block, both sides together, up to which it is compared word by word."""
PRODUCT = 40_000
"""Items of one side times those of the other up to which two stretches are searched for whatever they share."""
CHANGES = 600
"""Items that went or came within a stretch, beyond which they are not looked for one by one."""
WORK = 1_000_000
"""Steps of that search."""


class Piece(NamedTuple):
    """A part of one text or of both."""

    sign: Sign
    """ "=" in both, "-" in the first one only, "+" in the second one only."""
    text: str


Block = tuple[int, int, int, int]
"""A stretch of each side: from and to in the first, from and to in the second."""


def compare_texts(a: str, b: str) -> tuple[Piece, ...]:
    """Say what two texts share and what not.

    Returns:
        Pieces in order, no two neighbours of one sign, "-" before "+". Those with "=" and "-" joined are the first
        text, those with "=" and "+" the second.
    """
    if a == b:
        return (Piece("=", a),) if a else ()
    return tuple(_tidied(_pieces(a, b, LINES, _by_words)))


def align(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[bool, Block]]:
    """Align two sequences: stretches that are the same, and what stands between them, in order."""
    start_a = start_b = 0
    for at_a, at_b in [*_matches(a, b), (len(a), len(b))]:
        if start_a < at_a or start_b < at_b:
            yield False, (start_a, at_a, start_b, at_b)
        if at_a < len(a):
            yield True, (at_a, at_a + 1, at_b, at_b + 1)
        start_a, start_b = at_a + 1, at_b + 1


def _by_words(a: str, b: str) -> Iterator[Piece]:
    if len(a) + len(b) <= LONGEST:
        yield from _pieces(a, b, WORDS, _plainly)
        return
    before = _shared(a, b)
    after = _shared(a[before:][::-1], b[before:][::-1])
    gone, come = a[before : len(a) - after], b[before : len(b) - after]
    yield Piece("=", a[:before])
    compare = _plainly if len(gone) + len(come) > LONGEST else partial(_pieces, pattern=WORDS, finer=_plainly)
    yield from compare(gone, come)
    yield Piece("=", a[len(a) - after :])


def _shared(a: str, b: str) -> int:
    """How many characters two texts share at their beginnings, up to the end of a word."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    while low > 0 and (low < len(a) or low < len(b)) and a[low - 1].isalnum():
        low -= 1
    return low


def _plainly(a: str, b: str) -> Iterator[Piece]:
    yield Piece("-", a)
    yield Piece("+", b)


def _pieces(
    a: str, b: str, pattern: re.Pattern[str], finer: Callable[[str, str], Iterator[Piece]]
) -> Iterator[Piece]:
    ours, theirs = pattern.findall(a), pattern.findall(b)
    for same, (start, end, other, stop) in align(ours, theirs):
        if same:
            yield Piece("=", ours[start])
        else:
            yield from finer("".join(ours[start:end]), "".join(theirs[other:stop]))


def _matches(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Places of items that are the same, rising in both sequences."""
    found: list[tuple[int, int]] = []
    waiting = [(0, len(a), 0, len(b))]
    while waiting:
        start, end, other, stop = waiting.pop()
        while start < end and other < stop and a[start] == b[other]:
            found.append((start, other))
            start, other = start + 1, other + 1
        while start < end and other < stop and a[end - 1] == b[stop - 1]:
            end, stop = end - 1, stop - 1
            found.append((end, stop))
        if start == end or other == stop:
            continue
        anchors = _unique(a, b, (start, end, other, stop))
        if anchors:
            edges = [(start - 1, other - 1), *anchors, (end, stop)]
            found += anchors
            waiting += [
                (left + 1, right, below + 1, above) for (left, below), (right, above) in pairwise(edges)
            ]
            continue
        few = _few_changes(a, b, (start, end, other, stop))
        if few is not None:
            found += few
        elif (end - start) * (stop - other) <= PRODUCT:
            found += _searched(a, b, (start, end, other, stop))
    return sorted(found)


def _unique(a: Sequence[str], b: Sequence[str], block: Block) -> list[tuple[int, int]]:
    """The longest rising run of items that stand once in both stretches."""
    start, end, other, stop = block
    ours, theirs = _once(a, start, end), _once(b, other, stop)
    pairs = [(at, theirs[item]) for item, at in ours.items() if item in theirs and not item.isspace()]
    pairs.sort()
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, at) in enumerate(pairs):
        place = bisect_left(tails, at)
        before.append(ends[place - 1] if place else -1)
        if place == len(tails):
            tails.append(at)
            ends.append(number)
        else:
            tails[place], ends[place] = at, number
    chain: list[tuple[int, int]] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]


def _once(items: Sequence[str], start: int, end: int) -> dict[str, int]:
    """Items that stand once in a stretch, with their places."""
    places: dict[str, int] = {}
    again: set[str] = set()
    for at in range(start, end):
        if places.setdefault(items[at], at) != at:
            again.add(items[at])
    for item in again:
        del places[item]
    return places


def _few_changes(a: Sequence[str], b: Sequence[str], block: Block) -> list[tuple[int, int]] | None:
    """The alignment with the fewest changes (Myers 1986, greedy); `None` where they are many."""
    start, end, other, stop = block
    n, m = end - start, stop - other
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    work = 0
    for changes in range(min(n + m, CHANGES) + 1):
        trace.append(furthest.copy())
        for k in range(-changes, changes + 1, 2):
            down = k == -changes or (k != changes and furthest[k - 1] < furthest[k + 1])
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            first, y = x, x - k
            while x < n and y < m and a[start + x] == b[other + y]:
                x, y = x + 1, y + 1
            furthest[k] = x
            work += 1 + x - first
            if x >= n and y >= m:
                return [(start + x, other + y) for x, y in _way_back(trace, n, m)]
        if work > WORK:
            return None
    return None


def _way_back(trace: Sequence[Mapping[int, int]], x: int, y: int) -> Iterator[tuple[int, int]]:
    """The matches on the way that a search found, from its end to its beginning."""
    for changes in range(len(trace) - 1, 0, -1):
        furthest, k = trace[changes], x - y
        down = k == -changes or (k != changes and furthest[k - 1] < furthest[k + 1])
        before = furthest[k + 1] if down else furthest[k - 1]
        while x > before + (not down):
            x, y = x - 1, y - 1
            yield x, y
        x, y = (x, y - 1) if down else (x - 1, y)
    while x > 0:
        x, y = x - 1, y - 1
        yield x, y


def _searched(a: Sequence[str], b: Sequence[str], block: Block) -> list[tuple[int, int]]:
    start, end, other, stop = block
    matcher = SequenceMatcher(None, a[start:end], b[other:stop], autojunk=False)
    return [
        (start + match.a + at, other + match.b + at)
        for match in matcher.get_matching_blocks()
        for at in range(match.size)
    ]


def _tidied(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Join neighbours; what two changes share but for white space is not worth a piece of its own."""
    gone: list[str] = []
    come: list[str] = []
    shared: list[str] = []
    for sign, text in pieces:
        if sign == "=":
            if text:
                shared.append(text)
            continue
        between = "".join(shared)
        if not text:
            continue
        if between and (gone or come) and between.isspace() and "\n" not in between:
            gone.append(between)
            come.append(between)
        elif between:
            yield from _change(gone, come)
            yield Piece("=", between)
        shared.clear()
        (gone if sign == "-" else come).append(text)
    yield from _change(gone, come)
    if shared:
        yield Piece("=", "".join(shared))


def _change(gone: list[str], come: list[str]) -> Iterator[Piece]:
    if gone:
        yield Piece("-", "".join(gone))
    if come:
        yield Piece("+", "".join(come))
    gone.clear()
    come.clear()
