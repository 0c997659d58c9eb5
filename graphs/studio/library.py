"""The runs that the studio shows: found below directories, opened when they are first asked for, closed at the end.

A run is named by its id; of several copies the later ones with a number behind it. Runs that appear in a directory
while the studio is open appear in the list. Not covered: what is shown of a run (`views`).
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tutelage.errors import StoreError, TutelageError, UserError
from tutelage.graphs.studio.index import RunIndex, is_live
from tutelage.graphs.studio.search import Search
from tutelage.graphs.studio.summary import counts
from tutelage.traces import Run
from tutelage.traces.finding import runs_below
from tutelage.traces.overview import quick_counts
from tutelage.traces.store import FILE

__all__ = ["Library", "NotHere", "Opened"]

AGAIN = 2.0
"""Seconds after which directories are looked through again."""
PAUSE = 0.3
"""Seconds before texts and columns are read ahead, so that the first page comes first."""


class NotHere(UserError):
    """Something that is asked for is not there."""


@dataclass(slots=True)
class Opened:
    """A run with its columns and texts."""

    id: str
    run: Run
    index: RunIndex
    search: Search
    own: bool = True
    """Whether it is ours to close."""
    _warming: threading.Thread | None = None
    _closed: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, id: str, run: Run, *, own: bool) -> "Opened":
        """Make its columns, which read nothing yet, over a connection of their own where that is possible."""
        index = RunIndex(run if run.path is None else Run.open(run.path))
        return cls(id, run, index, Search(index), own)

    def fresh(self) -> RunIndex:
        """Give the columns as the run is now, and begin to read ahead."""
        self.index.refresh()
        if self._warming is None:
            self._warming = threading.Thread(target=self._warm, name="tutelage-studio-warm", daemon=True)
            self._warming.start()
        return self.index

    def close(self) -> None:
        """Close the run."""
        self._closed.set()
        if self._warming is not None:
            self._warming.join(10)
        if self.index.run is not self.run:
            self.index.run.close()
        if self.own:
            self.run.close()

    def _warm(self) -> None:
        if self._closed.wait(PAUSE):
            return
        try:
            self.index.warm()
            self.search.warm(self._closed)
        except TutelageError:
            return


@dataclass(slots=True)
class Entry:
    """A run that was found; opened when somebody looks at it."""

    id: str
    name: str
    path: Path | None
    created: float
    opened: Opened | None = None
    stamp: tuple[int, ...] = ()
    """How its files were when `numbers` were counted."""
    numbers: dict[str, int | None] = field(default_factory=dict)


class Library:
    """Runs by their ids; every method may be called from any thread."""

    def __init__(self, places: Sequence[str | Path] = (), runs: Sequence[Run] = ()) -> None:
        """Take directories of runs, directories below which there are some, files, and open runs.

        Raises:
            UserError: There is none in a place.
        """
        self._places = [Path(place) for place in places]
        self._entries: dict[str, Entry] = {}
        self._paths: dict[Path, str] = {}
        self._broken: dict[Path, str] = {}
        self._lock = threading.RLock()
        self._looked = 0.0
        for run in runs:
            self.add(run)
        for place in self._places:
            if not _holds_run(place) and not place.is_dir():
                raise UserError(f"there is no run and no directory {str(place)!r}")
        self._look()
        if not self._entries and not self._places:
            raise UserError("there is nothing to show: name a run, or a directory below which runs lie")

    def add(self, run: Run) -> str:
        """Show a run that somebody else has opened and will close; give its name here."""
        with self._lock:
            for entry in self._entries.values():
                if entry.opened is not None and entry.opened.run is run:
                    return entry.id
            path = None if run.path is None else run.path.resolve()
            id = self._free(run.id) if path is None or path not in self._paths else self._paths[path]
            known = self._entries.get(id)
            if known is not None and known.opened is not None:
                known.opened.close()
            if path is not None:
                self._paths[path] = id
            opened = Opened.of(id, run, own=False)
            self._entries[id] = Entry(id, run.name, run.path, run.created, opened)
            return id

    def remove(self, run: Run) -> None:
        """Show a run that was added no longer, unless it lies in one of our places."""
        with self._lock:
            for id, entry in list(self._entries.items()):
                if entry.opened is not None and entry.opened.run is run:
                    entry.opened.close()
                    del self._entries[id]
            self._paths = {path: id for path, id in self._paths.items() if id in self._entries}
            self._look()

    def get(self, id: str) -> Opened:
        """Give a run by its name.

        Raises:
            NotHere: There is none.
            StoreError: It cannot be read.
        """
        with self._lock:
            if id not in self._entries:
                self._look()
            entry = self._entries.get(id)
            if entry is None:
                raise NotHere(f"there is no run {id!r} here")
            if entry.opened is None:
                assert entry.path is not None
                entry.opened = Opened.of(id, Run.open(entry.path), own=True)
            return entry.opened

    def ids(self) -> list[str]:
        """Give the names of all."""
        with self._lock:
            if time.monotonic() - self._looked > AGAIN:
                self._look()
            return list(self._entries)

    def rows(self) -> list[dict[str, Any]]:
        """Give what a list shows of each run, and why some cannot be read."""
        found = [self.row(id) for id in self.ids()]
        with self._lock:
            broken = list(self._broken.items())
        return [*found, *(_broken_row(path, why) for path, why in broken)]

    def row(self, id: str) -> dict[str, Any]:
        """Give what a list shows of one run."""
        with self._lock:
            entry = self._entries.get(id)
        if entry is None:
            raise NotHere(f"there is no run {id!r} here")
        path = None if entry.path is None else str(entry.path)
        row = {"id": id, "name": entry.name, "path": path, "created": entry.created}
        try:
            live = is_live(entry.path)
            return {**row, **self._numbers(entry, live), "live": live, "error": None}
        except TutelageError as error:
            return {**_broken_row(entry.path or Path(), str(error)), **row}

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for entry in self._entries.values():
                if entry.opened is not None:
                    entry.opened.close()
            self._entries.clear()

    def _numbers(self, entry: Entry, live: bool) -> Mapping[str, int | None]:
        """Count a run: by its columns where it is open, else anew where its files have changed."""
        opened = entry.opened
        if opened is not None and opened.index.version:
            opened.index.refresh()
            return counts(opened.index)
        if opened is not None:
            return _settled(quick_counts(opened.run), live)
        assert entry.path is not None
        stamp = _stamp(entry.path)
        if stamp != entry.stamp:
            with Run.open(entry.path) as run:
                entry.numbers, entry.stamp = quick_counts(run), stamp
        return _settled(entry.numbers, live)

    def _look(self) -> None:
        """Find runs that are new."""
        with self._lock:
            self._looked = time.monotonic()
            for found in self._found():
                path = found.resolve()
                if path in self._paths:
                    continue
                try:
                    with Run.open(found) as run:
                        id = self._paths[path] = self._free(run.id)
                        self._entries[id] = Entry(id, run.name, found, run.created)
                except StoreError as error:
                    self._broken[path] = str(error)
                else:
                    self._broken.pop(path, None)

    def _found(self) -> Iterator[Path]:
        for place in self._places:
            if _holds_run(place):
                yield place
            else:
                yield from runs_below(place)

    def _free(self, id: str) -> str:
        if id not in self._entries:
            return id
        number = 2
        while f"{id}-{number}" in self._entries:
            number += 1
        return f"{id}-{number}"


def _holds_run(place: Path) -> bool:
    return place.is_file() or (place / FILE).is_file()


def _settled(found: Mapping[str, int | None], live: bool) -> dict[str, int | None]:
    """Counts of the record as they are told: where nobody writes a run nothing runs, and what was begun is unfinished."""
    begun = found["running"]
    return {**found, "running": begun if live else 0, "unfinished": 0 if live else begun}


def _stamp(path: Path) -> tuple[int, ...]:
    """How the files of a run are: a copy, or the database and its log."""
    files = [path] if path.is_file() else [path / FILE, path / f"{FILE}-wal"]
    found: list[int] = []
    for file in files:
        with suppress(OSError):
            status = file.stat()
            found += [status.st_mtime_ns, status.st_size]
    return tuple(found)


def _broken_row(path: Path, why: str) -> dict[str, Any]:
    numbers = dict.fromkeys(
        ("rollouts", "done", "failed", "running", "unfinished", "passed", "wrong", "turns", "tasks")
    )
    return {
        "id": None,
        "name": path.name,
        "path": str(path),
        "created": None,
        **numbers,
        "live": False,
        "error": why,
    }
