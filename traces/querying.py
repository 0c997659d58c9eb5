"""Read-only SQL on a run: one statement that reads, with views that are pleasant, within a time.

Whatever writes, attaches another file or changes how SQLite works is refused by SQLite's authorizer, beside
the connection's own refusal to write. The views stand in `views.sql`, the tables in `schema.sql`; the function
content(data) gives a body as text. Not covered: how much memory a statement takes.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tutelage.errors import UserError
from tutelage.traces.run import Run

__all__ = ["Query", "Relation", "query", "relations"]

ALLOWED = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "function_list"})
"""Those that only tell."""
WRITES = {
    sqlite3.SQLITE_ATTACH: "ATTACH",
    sqlite3.SQLITE_DETACH: "DETACH",
    sqlite3.SQLITE_DELETE: "DELETE",
    sqlite3.SQLITE_INSERT: "INSERT",
    sqlite3.SQLITE_UPDATE: "UPDATE",
    sqlite3.SQLITE_PRAGMA: "this PRAGMA",
    sqlite3.SQLITE_TRANSACTION: "a transaction",
}
WARM_UP = (
    "SELECT 1 FROM json_each('[]'), json_tree('[]'), pragma_table_info('turns'), pragma_table_list LIMIT 1"
)
"""Functions that are tables declare themselves when they are first used, which the authorizer takes for writing."""
STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock."""
AT_ONCE = 200
"""Rows fetched before they are handed on."""

Row = tuple[Any, ...]


class Relation(NamedTuple):
    """A table or a view."""

    name: str
    kind: str
    """ "table" or "view"."""
    columns: tuple[str, ...]


class Query(NamedTuple):
    """An answer; its rows are read while they are iterated."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


@contextmanager
def query(run: Run, sql: str, timeout: float | None = None) -> Iterator[Query]:
    """Ask one statement.

    Args:
        run: An open run.
        sql: A SELECT, or WITH … SELECT, VALUES, EXPLAIN.
        timeout: Seconds that SQLite may work on it; what the reader does with the rows does not count.

    Yields:
        Its columns and rows.

    Raises:
        UserError: It is no statement that reads, is wrong, or takes too long.
        StoreError: The run cannot be read.
    """
    with run._store.database.reading() as connection:
        guard = _Guard(connection, timeout)
        try:
            with guard.working():
                _make_views(connection)
                guard.stand()
                cursor = connection.execute(sql)
            if cursor.description is None:
                raise UserError("the statement gives no rows; write SELECT …")
            names = tuple(column[0] for column in cursor.description)
            yield Query(names, _rows(cursor, guard))
        finally:
            guard.leave()


def relations(run: Run) -> list[Relation]:
    """Name the views and the tables, views first, with their columns."""
    sql = """SELECT 1, name, type FROM temp.sqlite_schema WHERE type = 'view' UNION ALL
        SELECT 2, name, type FROM main.sqlite_schema WHERE type = 'table' ORDER BY 1, 2"""
    with run._store.database.reading() as connection:
        _make_views(connection)
        found = connection.execute(sql).fetchall()
        return [
            Relation(name, kind, tuple(row[1] for row in connection.execute(f"PRAGMA table_info({name})")))
            for _, name, kind in found
        ]


def _make_views(connection: sqlite3.Connection) -> None:
    """Make the views, once a connection; they live as long as it does."""
    if connection.execute("SELECT count(*) FROM temp.sqlite_schema").fetchone()[0]:
        return
    (only,) = connection.execute("PRAGMA query_only").fetchone()
    connection.execute("PRAGMA query_only = OFF")
    connection.execute(WARM_UP).fetchall()
    try:
        connection.executescript(Path(__file__).with_name("views.sql").read_text(encoding="utf-8"))
    finally:
        connection.execute(f"PRAGMA query_only = {only}")


def _rows(cursor: sqlite3.Cursor, guard: "_Guard") -> Iterator[Row]:
    while True:
        with guard.working():
            found = cursor.fetchmany(AT_ONCE)
        if not found:
            return
        yield from found


class _Guard:
    """Stands between a statement and the file."""

    def __init__(self, connection: sqlite3.Connection, timeout: float | None) -> None:
        self._connection = connection
        self._timeout = timeout
        self._left = timeout
        self._until: float | None = None
        self._refused: str | None = None
        self._late = False

    def stand(self) -> None:
        """Let nothing but reading pass from now on."""
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(self._look, STEPS)

    def leave(self) -> None:
        """Let everything pass again."""
        self._connection.set_authorizer(None)
        self._connection.set_progress_handler(None, 0)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count the time of the block, and say in a sentence what went wrong in it."""
        began = time.monotonic()
        self._until = None if self._left is None else began + self._left
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            told = self._told(error)
            if told is None:
                raise
            raise told from error
        finally:
            if self._left is not None:
                self._left -= time.monotonic() - began

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in ALLOWED and not (action == sqlite3.SQLITE_FUNCTION and second == "load_extension"):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA and first in PRAGMAS:
            return sqlite3.SQLITE_OK
        self._refused = WRITES.get(action, "a statement that changes something")
        return sqlite3.SQLITE_DENY

    def _look(self) -> int:
        """Called by SQLite while it works; 1, or an exception such as Ctrl-C, ends the statement."""
        self._late = self._until is not None and time.monotonic() > self._until
        return int(self._late)

    def _told(self, error: sqlite3.Error | sqlite3.Warning) -> BaseException | None:
        """What to raise instead; `None` where the file is to blame, which the database explains."""
        if self._late:
            return UserError(f"the statement took longer than {self._timeout:g} s and was ended")
        if self._refused is not None:
            return UserError(f"{self._refused} is refused: a run is only read here; write SELECT …")
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_READONLY:
            return UserError("the statement would write, and a run is only read here; write SELECT …")
        if code == sqlite3.SQLITE_INTERRUPT:
            return KeyboardInterrupt()
        if code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG):
            return UserError(f"SQL: {error}")
        return None
