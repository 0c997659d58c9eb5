"""A run in memory, in columns: what the table of rollouts, its filters and the plots ask.

Columns are read when they are first needed, all of one kind by one aggregate (`tutelage.traces.overview`), and kept up
to date by reading the touched rollouts again; `warm` reads the rest meanwhile. A few rows are read by themselves as
long as their column is not there, so that a run opens at once however long it is. Rollouts are named by their place,
which is their number in the run less one. What is not known is not a number. A rollout that the record calls running
is `unfinished` where no process writes the run.

Not covered: texts (`search`), what a filter means (`filters`), how a row looks (`table`).
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy
from numpy.typing import NDArray

from tutelage.traces import Run, overview
from tutelage.traces.database import Database
from tutelage.traces.overview import Mark, Speaker, TaskFacts, Which
from tutelage.traces.watching import being_written

__all__ = ["STATUSES", "Matrix", "RunIndex", "is_live"]

Matrix: TypeAlias = NDArray[numpy.float64]
"""Rows of numbers, the first of them a rollout's number."""
Named: TypeAlias = tuple[str, str | None, str | None]
"""Id, answer, error."""

WIDTHS = {"states": 6, "shares": 7, "outcomes": 3, "verdicts": 2, "rounds": 2, "attempts": 5, "judgements": 3}
BY_VERIFIER = frozenset({"outcomes", "attempts", "judgements"})
WARM = ("shares", "outcomes", "verdicts", "rounds")
RELOAD = 0.2
"""The share of touched rollouts from which on everything is read again."""
STATUSES = (*overview.STATUSES, "unfinished")
"""A status is given as its place here."""
RUNNING, ABANDONED, UNFINISHED = map(STATUSES.index, ("running", "abandoned", "unfinished"))


def is_live(path: Path | None) -> bool:
    """Whether a run may still grow: it is in memory (it has no path), or some process writes it."""
    return path is None or being_written(path)


class RunIndex:
    """The columns of one run; every method may be called from any thread."""

    def __init__(self, run: Run) -> None:
        """Take an open run, of which only one thread at a time will be let in here."""
        self.run = run
        self.version = 0
        """One more whenever something has changed."""
        self._database: Database = overview.database_of(run)
        self._lock = threading.RLock()
        self._mark = Mark()
        self._parts: dict[str, Matrix] = {}
        self._names: list[Named] | None = None
        self._tasks: dict[int, TaskFacts] | None = None
        self._speakers: dict[int, Speaker] = {}
        self._verifier: str | None = None
        self._verifiers: dict[str, bool] | None = None
        self._derived: dict[object, Any] = {}
        self.live = True
        """Whether the run was being written when it was last looked at."""
        self.touched: Sequence[str] = ()
        """Ids of the rollouts that the latest change touched, of many some."""

    def refresh(self) -> int:
        """Look whether the run has grown, and give the version."""
        with self._lock:
            before = self._mark
            running = () if not self.version else self._numbers(self.spread("states", 3) == RUNNING)
            live, self.live = self.live, is_live(self.run.path)
            found = overview.changes(self._database, before, running)
            if self.version and found.mark == before and not found.rollouts and live == self.live:
                return self.version
            self._mark = found.mark
            self._speakers = overview.speakers(self._database)
            if found.mark.scores != before.scores:
                self._judged(before.scores)
            if not self.version or len(found.rollouts) > RELOAD * self._mark.rollouts:
                self._forget()
            else:
                self._update(found.rollouts)
            self._derived.clear()
            self.version += 1
            if int(self.counts.sum()) != overview.counted(self._database):
                self._parts.pop("states", None)
                self._derived.clear()
            some = found.rollouts[-200:] if before.rollouts else ()
            self.touched = [each[0] for each in self.named([number - 1 for number in some])]
            return self.version

    def warm(self) -> None:
        """Read the columns that filters and plots will ask for."""
        with self._lock:
            self._survey()
            self._judged(self._mark.scores)
        for name in WARM:
            self.part(name)
        self.all_named()
        self.all_tasks()

    @property
    def size(self) -> int:
        """How many places there are."""
        return self._mark.rollouts

    @property
    def turns(self) -> int:
        """How many turns there are, those of abandoned rollouts included."""
        return self._mark.turns

    @property
    def mark(self) -> Mark:
        """How far the run was read."""
        return self._mark

    @property
    def verifier(self) -> str | None:
        """The verifier whose scores count; `None` where that is not clear."""
        return self._verifier

    @property
    def verifiers(self) -> tuple[str, ...]:
        """The names of all that judged."""
        with self._lock:
            return tuple(sorted(self._survey()))

    @property
    def speakers(self) -> Mapping[int, Speaker]:
        """Who spoke, by number."""
        return self._speakers

    def part(self, name: str) -> Matrix:
        """Give all rows of a kind, sorted by rollout."""
        with self._lock:
            if name not in self._parts:
                self._parts[name] = self._read(name, None)
            return self._parts[name]

    def rows(self, name: str, places: Sequence[int]) -> Matrix:
        """Give the rows of some rollouts only."""
        with self._lock:
            part = self._parts.get(name)
            if part is None:
                return self._read(name, [place + 1 for place in places])
        numbers = numpy.asarray(places, float) + 1
        starts, ends = (numpy.searchsorted(part[:, 0], numbers, side) for side in ("left", "right"))
        ranges = [numpy.arange(start, end) for start, end in zip(starts, ends, strict=True)]
        return part[numpy.concatenate(ranges)] if ranges else part[:0]

    def derived(self, key: object, make: Callable[[], Any]) -> Any:
        """Give what is worked out of the columns, once a version."""
        with self._lock:
            if key not in self._derived:
                self._derived[key] = make()
            return self._derived[key]

    def spread(self, name: str, column: int) -> Matrix:
        """Give one number of a kind for every place; of several rows of a rollout the last."""

        def make() -> Matrix:
            values = numpy.full(self.size, numpy.nan)
            part = self.part(name)
            values[part[:, 0].astype(int) - 1] = part[:, column]
            return values

        found: Matrix = self.derived((name, column), make)
        return found

    def sums(self, column: int) -> Matrix:
        """Add up a number of `shares` for every place; not a number where none is known."""

        def make() -> Matrix:
            part = self.part("shares")
            known = ~numpy.isnan(part[:, column])
            places = part[known, 0].astype(int) - 1
            found = numpy.bincount(places, part[known, column], self.size).astype(float)
            found[numpy.bincount(places, minlength=self.size) == 0] = numpy.nan
            return found

        found: Matrix = self.derived(("sum", column), make)
        return found

    @property
    def status(self) -> NDArray[numpy.int8]:
        """Places in `STATUSES`; a number that no rollout has counts as abandoned."""

        def make() -> NDArray[numpy.int8]:
            status = numpy.nan_to_num(self.spread("states", 3), nan=ABANDONED).astype(numpy.int8)
            if not self.live:
                status[status == RUNNING] = UNFINISHED
            return status

        found: NDArray[numpy.int8] = self.derived("status", make)
        return found

    @property
    def counts(self) -> NDArray[numpy.bool_]:
        """Which rollouts count."""
        found: NDArray[numpy.bool_] = self.status != ABANDONED
        return found

    @property
    def task_numbers(self) -> list[int]:
        """The number of each place's task; 0 where there is none."""
        found: list[int] = self.derived(
            "tasks", lambda: numpy.nan_to_num(self.spread("states", 1)).astype(int).tolist()
        )
        return found

    def named(self, places: Sequence[int]) -> list[Named]:
        """Give id, answer and error of some rollouts."""
        with self._lock:
            if self._names is not None:
                return [self._names[place] for place in places]
            which = Which(self.size, [place + 1 for place in places])
            found = {row[0]: row[1:] for row in overview.names(self._database, which)}
        return [found.get(place + 1, ("", None, None)) for place in places]

    def all_named(self) -> list[Named]:
        """Give those of all."""
        with self._lock:
            if self._names is None:
                self._names = [("", None, None)] * self.size
                for row in overview.names(self._database, Which(self.size)):
                    self._names[row[0] - 1] = row[1:]
            return self._names

    def place(self, rollout_id: str) -> int | None:
        """Find a rollout by its id; `None` where there is none."""
        number = overview.number_of(self._database, rollout_id)
        return number - 1 if number is not None and number <= self.size else None

    def tasks(self, places: Sequence[int]) -> list[TaskFacts]:
        """Give the facts of some rollouts' tasks."""
        numbers = [int(number) for number in self.spread("states", 1)[list(places)]]
        with self._lock:
            known = self._tasks
            if known is None:
                known = overview.tasks(self._database, sorted(set(numbers)))
        return [known[number] for number in numbers]

    def all_tasks(self) -> Mapping[int, TaskFacts]:
        """Give the facts of all tasks, by number."""
        with self._lock:
            if self._tasks is None:
                self._tasks = overview.tasks(self._database)
            return self._tasks

    def _read(self, name: str, only: Sequence[int] | None) -> Matrix:
        which = Which(self.size, only)
        if name in BY_VERIFIER:
            verifier = self._verifier
            found = [] if verifier is None else getattr(overview, name)(self._database, which, verifier)
        else:
            found = getattr(overview, name)(self._database, which)
        matrix = numpy.array(found, float).reshape(len(found), WIDTHS[name])
        return matrix[numpy.argsort(matrix[:, 0], kind="stable")]

    def _judged(self, after: int) -> None:
        """Find out whose scores count; columns of another verifier's are read again."""
        if self._verifiers is not None:
            for name, decides in overview.verifiers(self._database, after).items():
                self._verifiers[name] = decides or self._verifiers.get(name, False)
        verifier = self._chosen()
        if verifier != self._verifier:
            self._verifier = verifier
            for name in BY_VERIFIER:
                self._parts.pop(name, None)

    def _chosen(self) -> str | None:
        """The run's own verifier, else its only one; the first is known without a look at every score."""
        own = overview.own_verifier(self.run)
        if own is not None and (not self._verifiers or own in self._verifiers):
            return own
        return overview.only_verifier(self._survey())

    def _survey(self) -> Mapping[str, bool]:
        if self._verifiers is None:
            self._verifiers = overview.verifiers(self._database)
        return self._verifiers

    def _forget(self) -> None:
        self._parts.clear()
        self._names = None
        self._tasks = None

    def _update(self, numbers: Sequence[int]) -> None:
        """Read some rollouts again, in every column that is there."""
        touched = numpy.asarray(numbers, float)
        for name, part in self._parts.items():
            kept = part[~numpy.isin(part[:, 0], touched)]
            both = numpy.concatenate([kept, self._read(name, numbers)])
            self._parts[name] = both[numpy.argsort(both[:, 0], kind="stable")]
        if self._names is not None:
            self._names += [("", None, None)] * (self.size - len(self._names))
            for row in overview.names(self._database, Which(self.size, numbers)):
                self._names[row[0] - 1] = row[1:]
        if self._tasks is not None:
            self._tasks |= overview.tasks(self._database, after=max(self._tasks, default=0))

    def _numbers(self, mask: NDArray[numpy.bool_]) -> list[int]:
        return [int(place) + 1 for place in numpy.flatnonzero(mask)]
