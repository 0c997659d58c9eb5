"""A store: the directory of one run, `run.sqlite` inside it and nothing else once it is closed.

One process writes at a time (an OS lock that ends with the process); any number read, at any time. Starting a
run again turns what a dead process left running into "abandoned"; a start that is refused changes nothing. A run
can be copied into a single file, which is read where a directory is. Not covered: several runs in a directory.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from weakref import WeakValueDictionary

from tutelage.errors import StoreError, UserError
from tutelage.traces.blobs import json_text, text_value
from tutelage.traces.copying import copy_to_file
from tutelage.traces.database import Database, connect_memory, connect_reader, connect_writer
from tutelage.traces.ids import new_id
from tutelage.traces.journal import Journal
from tutelage.traces.lock import WriterLock
from tutelage.traces.recorder import RolloutRecorder
from tutelage.traces.run import Origin, Run, origin_of
from tutelage.traces.writing import Rows

__all__ = ["FILE", "Store", "first_difference"]

FILE = "run.sqlite"
LONGEST = 120
"""Characters of a path that a message shows."""
ABANDON = """UPDATE rollouts SET status = 'abandoned', error = 'its process ended before it did'
    WHERE status = 'running'"""
ORIGIN = "id, name, settings, created"


class Store:
    """An open store; made by `Store.open` or `Store.memory`."""

    def __init__(
        self, database: Database, path: Path | None, lock: WriterLock | None, writable: bool
    ) -> None:
        """Take over an open database and its writer's lock."""
        self.database = database
        self.path = path
        """The directory; `None` for a store in memory."""
        self._lock = lock
        self._journal = Journal(database) if writable else None
        self._taken_up = False
        self.recorders: WeakValueDictionary[str, RolloutRecorder] = WeakValueDictionary()
        """Those of this process that somebody holds, by the ids of their rollouts; for the modules of this room."""

    @classmethod
    def open(
        cls, path: str | Path, *, create: bool = True, read_only: bool = False, max_bytes: int | None = None
    ) -> "Store":
        """Open the store in a directory.

        Args:
            path: The run's directory.
            create: Make the directory and the file where they are missing.
            read_only: Take no lock, write nothing and create nothing.
            max_bytes: Refuse to let the file grow beyond this.

        Raises:
            StoreError: It is missing, written elsewhere, read-only, damaged, no run, or from a newer version; or nothing
                can be called so.
        """
        directory = _place(path)
        where = str(path)
        if read_only:
            file = directory if directory.is_file() else directory / FILE
            return cls(connect_reader(file, where), directory, None, writable=False)
        if directory.exists() and not directory.is_dir():
            raise StoreError(
                f"{where!r} is a file; only reading is possible there (to write, move it to DIRECTORY/{FILE})"
            )
        _make(directory, create)
        lock = WriterLock(directory)
        try:
            database = connect_writer(directory / FILE, where, create=create, max_bytes=max_bytes)
        except BaseException:
            lock.release()
            raise
        return cls(database, directory, lock, writable=True)

    @classmethod
    def memory(cls) -> "Store":
        """Make a store that ends with the process, for a run that nobody wants to keep."""
        return cls(connect_memory(), None, None, writable=True)

    def start_run(self, settings: Mapping[str, object], *, name: str | None = None) -> Run:
        """Start the store's run, or continue it.

        Args:
            settings: Plain data that decides what is recorded; continuing asks for the same.
            name: What to call it; by default the directory's name.

        Raises:
            UserError: The settings are not plain data, or the run was started with others.
            StoreError: It cannot be written.
        """
        text = json_text(dict(settings), "the settings of a run")
        own = name or (self.path.absolute().name if self.path else "memory")
        return Run(self, self.writing().write(lambda rows: self._started(rows, own, text, named=name)))

    def _started(self, rows: Rows, name: str, settings: str, *, named: str | None) -> Origin:
        """Begin the run or take it up again; where that is refused, nothing has changed."""
        (rollouts,) = rows.connection.execute("SELECT count(*) FROM rollouts").fetchone()
        row = rows.connection.execute(f"SELECT {ORIGIN} FROM run").fetchone()
        if row is None or not rollouts:
            row = (new_id(), text_value(name), text_value(settings), time.time())
            rows.connection.execute("DELETE FROM run")
            rows.connection.execute(f"INSERT INTO run ({ORIGIN}) VALUES (?, ?, ?, ?)", row)
        origin = origin_of(tuple(row))
        if named is not None and named != origin.name:
            raise UserError(f"{self.database.where!r} holds the run {origin.name!r}, not {named!r}")
        difference = first_difference(origin.settings, json.loads(settings))
        if difference is not None:
            raise UserError(
                f"setting {difference[0]!r} is {difference[2]}, but the run in {self.database.where!r} was "
                f"started with {difference[1]}; use that, or another directory"
            )
        if not self._taken_up:
            rows.connection.execute(ABANDON)
            rows.then(self._take_up)
        return origin

    def _take_up(self) -> None:
        self._taken_up = True

    def begun(self) -> bool:
        """Whether a run was started here."""
        return bool(self.database.rows("SELECT 1 FROM run"))

    def run(self) -> Run:
        """Give the run that is recorded here.

        Raises:
            StoreError: None was started.
        """
        rows = self.database.rows(f"SELECT {ORIGIN} FROM run")
        if not rows:
            raise StoreError(f"no run was started in {self.database.where!r}")
        return Run(self, origin_of(rows[0]))

    def writing(self) -> Journal:
        """Give the journal; for the modules of this room.

        Raises:
            StoreError: The store is open for reading only.
        """
        if self._journal is None:
            raise StoreError(f"run {self.database.where!r} is open for reading only; start it again to write")
        return self._journal

    def release(self) -> None:
        """Let another process write; this store can still be read."""
        if self._journal is None:
            return
        self._journal = None
        if self.path is not None:
            writer = self.database
            self.database = connect_reader(self.path / FILE, writer.where)
            writer.close()
        if self._lock is not None:
            self._lock.release()

    def copy(self, path: str | Path) -> Path:
        """Copy everything into one file; see `Run.copy`."""
        return copy_to_file(self.database, Path(path))

    def close(self) -> None:
        """Close the file, then give back the lock; harmless when done twice."""
        self.database.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        """Give the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _place(path: str | Path) -> Path:
    """The path of a store, there or not: every store is opened through here, so what no path can be ends here."""
    named = f"{str(path)[:LONGEST]!r}{'…' * (len(str(path)) > LONGEST)}"
    if not str(path):
        raise StoreError("'' names no directory; name one, or leave it out to keep the record in memory")
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except ValueError as error:
        raise StoreError(
            f"{named} holds a character that no file's name can hold; give another directory"
        ) from error
    except OSError as error:
        why = (error.strerror or "").lower()
        raise StoreError(f"{named} cannot be opened: {why}; give another directory") from error
    return Path(path)


def _make(directory: Path, create: bool) -> None:
    if not create and not (directory / FILE).is_file():
        raise StoreError(f"no run is recorded in {str(directory)!r}: it has no file {FILE!r}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the directory {str(directory)!r} cannot be made: {error.strerror}") from error


def first_difference(recorded: object, given: object, place: str = "") -> tuple[str, str, str] | None:
    """Name the first setting that differs: its dotted path, the recorded and the given value as JSON."""
    if isinstance(recorded, dict) and isinstance(given, dict):
        for key in sorted({*recorded, *given}):
            inner = f"{place}.{key}" if place else key
            if key not in recorded or key not in given:
                return inner, _shown(recorded, key), _shown(given, key)
            found = first_difference(recorded[key], given[key], inner)
            if found is not None:
                return found
        return None
    left, right = json.dumps(recorded, sort_keys=True), json.dumps(given, sort_keys=True)
    return None if left == right else (place, left, right)


def _shown(settings: dict[str, object], key: str) -> str:
    return json.dumps(settings[key]) if key in settings else "missing"
