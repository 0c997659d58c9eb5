"""Words in the texts of a run: which rollouts say them in a completion, or are asked them in their problem.

A search goes on where it stopped when it is asked again, so that no answer takes longer than its budget however long
the run is; a run under way is searched on as it grows. Texts are kept without upper case, up to `KEEP` characters;
what does not fit is read anew. Not covered: prompts.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from tutelage.graphs.studio.index import RunIndex
from tutelage.traces import overview
from tutelage.traces.said import problem_texts, said_texts

__all__ = ["Found", "Search"]

PAGE = 512
"""Texts read at once; what is looked through between two looks at the clock."""
KEEP = 400_000_000
"""Characters of texts that are kept in memory."""
WORDS = 64
"""Searches that are remembered."""
BREATH = 0.002
"""Seconds between two pages that are read ahead."""
BUDGET = 0.12
"""Seconds that an answer may take."""


@dataclass(slots=True)
class Found:
    """How far a word was looked for, and where it is."""

    turn: int = 0
    """The last turn that was looked through."""
    task: int = 0
    rollouts: set[int] = field(default_factory=set)
    """Numbers of rollouts."""
    tasks: set[int] = field(default_factory=set)
    """Numbers of tasks."""
    share: float = 0.0
    """How much of the run was looked through, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Page:
    """Texts that were read."""

    last: int
    """The number up to which they were read."""
    owners: list[int]
    """The rollout or task of each."""
    texts: list[str]


class Search:
    """The texts of one run."""

    def __init__(self, index: RunIndex) -> None:
        """Search what an index has."""
        self._index = index
        self._database = overview.database_of(index.run)
        self._words: OrderedDict[str, Found] = OrderedDict()
        self._pages: dict[tuple[str, int], Page] = {}
        self._kept = 0
        self._lock = threading.RLock()

    def find(self, word: str, budget: float = BUDGET) -> Found:
        """Look for a text in any case, for so many seconds."""
        until = time.monotonic() + budget
        key = word.casefold()
        with self._lock:
            found = self._words.setdefault(key, Found())
            self._words.move_to_end(key)
            while len(self._words) > WORDS:
                self._words.popitem(last=False)
            mark = self._index.mark
            while found.task < mark.tasks and time.monotonic() < until:
                page = self._page("task", found.task, mark.tasks)
                found.tasks.update(_owners(page, key))
                found.task = page.last
            while found.turn < mark.turns and time.monotonic() < until:
                page = self._page("turn", found.turn, mark.turns)
                found.rollouts.update(_owners(page, key))
                found.turn = page.last
            whole = mark.tasks + mark.turns
            found.share = (found.task + found.turn) / whole if whole else 1.0
            return found

    def warm(self, ended: threading.Event | None = None) -> None:
        """Read the texts into memory, letting others in between, until all are there or it has ended."""
        ended = ended or threading.Event()
        for kind in ("task", "turn"):
            at = 0
            while at < self._last(kind) and self._kept < KEEP and not ended.wait(BREATH):
                with self._lock:
                    at = self._page(kind, at, self._last(kind)).last

    def _last(self, kind: str) -> int:
        mark = self._index.mark
        return mark.tasks if kind == "task" else mark.turns

    def _page(self, kind: str, within: int, last: int) -> Page:
        """The page that the text after a number is on."""
        start = within // PAGE * PAGE
        kept = self._pages.get((kind, start))
        if kept is not None:
            return kept
        read = problem_texts if kind == "task" else said_texts
        found = list(read(self._database, start, min(start + PAGE, last)))
        page = Page(min(start + PAGE, last), [owner for owner, _ in found], [text for _, text in found])
        size = sum(map(len, page.texts))
        if start + PAGE <= last and self._kept + size <= KEEP:
            self._pages[kind, start] = page
            self._kept += size
        return page


def _owners(page: Page, word: str) -> set[int]:
    return {owner for owner, text in zip(page.owners, page.texts, strict=True) if word in text}
