"""One SQLite connection to a run, shared by the threads of a process, with every error as one sentence.

Write-ahead log with `synchronous=NORMAL`: what was committed survives the death of the process at any moment;
a power cut may take the last moments, never the consistency. Not covered: what the tables hold.
"""

import os
import shlex
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tutelage.errors import StoreError
from tutelage.traces.blobs import bytes_text, unpack

__all__ = [
    "SCHEMA_VERSION",
    "Database",
    "connect_memory",
    "connect_reader",
    "connect_writer",
    "explained",
    "schema_version",
]

SCHEMA_VERSION = 2
APPLICATION_ID = 0x5455544C
PATIENCE = 10.0
"""Seconds to wait for another program that holds the file."""

CACHE = 32_768
"""Kibibytes of the file that a writer holds in memory."""
LOG_PAGES = 4000
"""Pages of the log at which it is carried over into the file."""

UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises, and what it makes Python raise where a damaged file has text that is none."""

PROBLEMS = {
    sqlite3.SQLITE_FULL: "the disk is full (or max_bytes is reached); what was committed is kept, "
    "so free some space and start the same command again",
    sqlite3.SQLITE_READONLY: "it is read-only; check the permissions of the directory and of run.sqlite",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that it exists, the permissions of its directory, "
    "and that this process may open more files",
    sqlite3.SQLITE_NOTADB: "run.sqlite is not a database; move it away or use another directory",
    sqlite3.SQLITE_CORRUPT: "run.sqlite is damaged; restore it from a copy or use another directory",
    sqlite3.SQLITE_BUSY: f"another program has held run.sqlite for more than {PATIENCE:.0f} s; close it",
    sqlite3.SQLITE_IOERR: "the disk refuses to read or write; check its state and its limits",
}


class Database:
    """A connection and its lock; every method may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection, where: str, file: Path | None = None) -> None:
        """Take over a connection; `where` names the run in errors, `file` is watched while it is written."""
        self.where = where
        self._file = None if file is None else file.absolute()
        self._identity = _identity(self._file)
        self._connection = connection
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything or nothing.

        Raises:
            StoreError: The file cannot be written; nothing of the transaction is kept.
        """
        with self.reading() as connection:
            if _identity(self._file) != self._identity:
                raise StoreError(
                    f"run {self.where!r} was deleted, moved or replaced while it was written; "
                    "put it back and start the same command again"
                )
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection alone.

        Raises:
            StoreError: The file cannot be read, is closed, or was opened by the parent of this process.
        """
        with self._lock:
            if self._closed:
                raise StoreError(f"run {self.where!r} is closed; open it again")
            if os.getpid() != self._process:
                raise StoreError(f"run {self.where!r} was opened before a fork; open it in this process")
            try:
                yield self._connection
            except UNREADABLE as error:
                raise explained(error, self.where) from error

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one query."""
        with self.reading() as connection:
            return connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close the connection; harmless when done twice."""
        with self._lock:
            if not self._closed and os.getpid() == self._process:
                self._connection.close()
            self._closed = True


def explained(error: Exception, where: str) -> StoreError:
    """Say in one sentence what SQLite's error, or text that is none, means for the run."""
    if isinstance(error, UnicodeDecodeError):
        return StoreError(f"run {where!r}: {PROBLEMS[sqlite3.SQLITE_CORRUPT]}")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return StoreError(f"run {where!r}: {PROBLEMS.get(code, str(error))}")


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Which file lies at a path; `None` where there is none."""
    try:
        found = None if file is None else os.stat(file)
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def connect_writer(file: Path, where: str, *, create: bool, max_bytes: int | None) -> Database:
    """Open a run's file for writing, with its tables made where they are missing.

    Raises:
        StoreError: It cannot be written, is not a run, or was written by a newer version.
    """
    mode = "rwc" if create else "rw"
    with _opening(f"{file.absolute().as_uri()}?mode={mode}", where) as connection:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        if max_bytes is not None:
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {max(1, max_bytes // page)}")
        _prepare(connection, where)
    return Database(connection, where, file)


def connect_memory() -> Database:
    """Make a run that ends with the process."""
    with _opening("file::memory:", "in memory") as connection:
        _prepare(connection, "in memory")
    return Database(connection, "in memory")


def connect_reader(file: Path, where: str) -> Database:
    """Open a run's file for reading, also while it is written and also where nothing may be written.

    Raises:
        StoreError: It is missing, is not a run, or was written by a newer version.
    """
    uri = file.absolute().as_uri()
    try:
        found = file.is_file()
    except OSError as error:
        raise StoreError(f"run {where!r} cannot be opened: {error.strerror}") from error
    if not found:
        raise StoreError(f"no run is recorded in {where!r}: it has no file {file.name!r}")
    try:
        return _reader(f"{uri}?mode=rw", where)
    except StoreError as error:
        code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
        if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or _log(file):
            raise
        return _reader(f"{uri}?mode=ro&immutable=1", where)


def _reader(uri: str, where: str) -> Database:
    """Open a connection that refuses to write; `mode=rw` lets the last one to close tidy the log away."""
    with _opening(uri, where) as connection:
        connection.execute("PRAGMA query_only = ON")
        _check_version(connection, where)
    return Database(connection, where)


def _log(file: Path) -> bool:
    log = file.with_name(file.name + "-wal")
    return log.exists() and log.stat().st_size > 0


@contextmanager
def _opening(uri: str, where: str) -> Iterator[sqlite3.Connection]:
    """Connect; on any failure inside, close again and say why."""
    connection = None
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        connection.create_function("content", 1, _content, deterministic=True)
        connection.create_function("says", 2, _says(connection), deterministic=False)
        yield connection
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, UNREADABLE):
            raise explained(error, where) from error
        raise


def _prepare(connection: sqlite3.Connection, where: str) -> None:
    """Make the tables in an empty file, else check them; either way prove that the file can be written."""
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    connection.execute("COMMIT")
    if tables:
        _check_version(connection, where)
        return
    connection.execute("PRAGMA journal_mode = WAL")
    schema = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\nCOMMIT;")


def _content(data: bytes | None) -> str | None:
    """The SQL function `content(bodies.data)`: a body as text, what is not Unicode replaced."""
    return None if data is None else unpack(data).decode("utf-8", "replace")


def _says(connection: sqlite3.Connection) -> Callable[[int, str | bytes], bool]:
    """The SQL function `says(body, text)`: whether a body, by number, holds a text in any case."""
    sql = "SELECT data FROM bodies WHERE id = ?"

    def says(body: int, text: str | bytes) -> bool:
        wanted = bytes_text(text) if isinstance(text, bytes) else text
        (data,) = connection.execute(sql, (body,)).fetchone()
        return wanted.casefold() in bytes_text(unpack(data)).casefold()

    return says


def schema_version(connection: sqlite3.Connection, where: str) -> int:
    """Tell which version of the schema a file has.

    Raises:
        StoreError: It holds no run.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise StoreError(f"{where!r} holds no run: its run.sqlite is empty or belongs to another program")
    (version,) = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    return int(version)


def _check_version(connection: sqlite3.Connection, where: str) -> None:
    version = schema_version(connection, where)
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"run {where!r} was written by an older version (its schema is {version}, now it is "
            f"{SCHEMA_VERSION}); make it new with: tutelage upgrade {shlex.quote(where)}"
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"run {where!r} was written by a newer version (its schema is {version}, this one reads up to "
            f"{SCHEMA_VERSION}); update tutelage"
        )
