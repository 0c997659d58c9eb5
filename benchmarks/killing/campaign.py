"""Kill → resume → kill → resume …: one store through many deaths, looked at after each.

Several children may work on a store at once. The one that dies is looked after and started again while the others
are stopped for the moment of the look only.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from benchmarks.killing.audit import Findings, audit
from benchmarks.killing.child import PATIENCE, Child, Usual, draw_fate, frozen
from benchmarks.killing.children import Job
from benchmarks.killing.content import Content, content, differences
from tutelage.errors import StoreError
from tutelage.traces import Run

__all__ = ["Campaign", "Place", "Story"]

MOST = 9
"""Writers killed in one campaign at most; afterwards they live out their lives."""
EXPORTED = 0.3
"""The share of the deaths after which exports are read as well."""
TOUCHED = 0.5
"""The share of the deaths after which a reader opens the store before it is resumed, and mends it on the way."""


FILES = {"run.sqlite", "run.v1.sqlite"}
"""What may lie in a run's directory once it is closed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A child's place in a campaign, filled again when the child dies."""

    target: str
    job: Job
    usual: Usual
    endless: bool = False
    """A reader, which never ends by itself."""


@dataclass
class Story:
    """What happened in a campaign."""

    kills: Counter[str] = field(default_factory=Counter)
    """Deaths of writers by kind of moment."""
    readers: int = 0
    """Deaths of readers."""
    findings: Findings = field(default_factory=Findings)
    errors: list[str] = field(default_factory=list)
    """Children that ended with an error of their own, or hung."""
    differences: list[str] = field(default_factory=list)
    """Where the finished run says something else than an uninterrupted one."""
    litter: set[str] = field(default_factory=set)
    """Files that the dead left and nobody took away."""
    longest: int = 0
    """Deaths of one place in a row."""

    def __add__(self, other: "Story") -> "Story":
        """Both stories as one."""
        return Story(
            self.kills + other.kills,
            self.readers + other.readers,
            self.findings + other.findings,
            self.errors + other.errors,
            self.differences + other.differences,
            self.litter | other.litter,
            max(self.longest, other.longest),
        )


class Campaign:
    """One store and its children.

    Args:
        places: who works on it.
        scratch: a directory for copies.
        chance: the source of all draws.
    """

    def __init__(self, places: Sequence[Place], scratch: Path, chance: random.Random) -> None:
        """Prepare; `fight` starts it."""
        self.places = places
        self.scratch = scratch
        self.chance = chance
        self.story = Story()
        self._deaths = Counter[int]()
        self._alive: dict[int, Child] = {}

    def fight(self) -> Story:
        """Kill and resume until every writer has ended by itself."""
        try:
            for at in range(len(self.places)):
                self._start(at)
            while any(not self.places[at].endless for at in self._alive):
                for at in self._fallen():
                    self._bury(at)
        finally:
            for child in self._alive.values():
                child.kill()
        self.story.longest = max(self._deaths.values(), default=0)
        return self.story

    def _start(self, at: int) -> None:
        place = self.places[at]
        spent = self.story.kills.total() >= MOST
        fate = None if spent else draw_fate(self.chance, place.usual, first=not place.job.store.exists())
        self._alive[at] = Child(place.target, place.job, fate)

    def _fallen(self) -> Iterator[int]:
        """Wait for the next ends, and bring them about where they are due."""
        due = min(child.due for child in self._alive.values())
        wait([child.sentinel for child in self._alive.values()], max(0.0, due - time.monotonic()))
        now = time.monotonic()
        for at, child in list(self._alive.items()):
            if child.due <= now:
                if child.fate is None and not self.places[at].endless:
                    self.story.errors.append(f"{child.target} hung for {PATIENCE:.0f} s")
                child.kill()
            if child.code is not None:
                yield at

    def _bury(self, at: int) -> None:
        """See how a child ended; start it again if it was killed."""
        place, child = self.places[at], self._alive.pop(at)
        kind = child.death()
        if kind is None:
            if child.code != 0:
                self.story.errors.append(f"{child.target} ended with {child.code}")
            return
        if place.endless:
            self.story.readers += 1
        else:
            self.story.kills[kind] += 1
            self._deaths[at] += 1
        with frozen(list(self._alive.values())):
            self._look(place.job.store)
        self._start(at)

    def _look(self, store: Path) -> None:
        if not store.exists():
            return
        ledgers = [place.job.ledger for place in self.places if place.job.store == store]
        exports = self.places[0].job.exports if self.chance.random() < EXPORTED else ()
        audit(store, ledgers, self.scratch, self.story.findings, exports)
        if self.chance.random() < TOUCHED and not self._alive:
            with suppress(StoreError):
                Run.open(store).close()

    def compare(self, wanted: Content, *stores: Path) -> None:
        """Compare what was finished in the end with an uninterrupted run, and look once more."""
        for store in stores:
            self._look(store)
        try:
            with ExitStack() as stack:
                runs = [stack.enter_context(Run.open(store)) for store in stores]
                self.story.differences += differences(wanted, content(*runs))
        except StoreError as error:
            self.story.differences.append(str(error))
        left = {path.name for store in stores for path in store.parent.rglob(".*")}
        left |= {path.name for store in stores if store.is_dir() for path in store.iterdir()} - FILES
        self.story.litter |= left
