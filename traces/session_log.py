"""The log of a debugging session: branches, events, the values they name, and breakpoints.

`session.sqlite` lies in the run's directory, beside `run.sqlite`, whose lock keeps other writers away. An event is on
disk when `append` returns. A branch is read with what it shares with its parents. Not covered: what events mean
(`tutelage.graphs.debugging`), and the turns (the run has them).
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.errors import StoreError
from tutelage.traces.blobs import digest, pack, text_value, unpack, value_text
from tutelage.traces.database import PATIENCE, Database, explained

__all__ = ["SESSION_FILE", "Event", "LoggedBranch", "SessionLog"]

SESSION_FILE = "session.sqlite"
VERSION = 1
BRANCH = "id, name, rollout, parent, upto, at, kind, grp, created, dropped, outcome"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on a branch."""

    seq: int
    branch: int
    kind: str
    key: str
    """The visit that it belongs to; empty for the branch itself."""
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedBranch:
    """A branch as it is kept."""

    id: int
    name: str
    rollout: str
    parent: int | None
    upto: int
    at: int | None
    kind: str
    group: str | None
    created: float
    dropped: bool
    outcome: Mapping[str, Any] | None


class SessionLog:
    """An open log; every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        """Take over an open database."""
        self._database = database

    @classmethod
    def open(cls, directory: Path | None) -> "SessionLog":
        """Open the log in a session's directory, made where it is missing; `None` keeps it in memory.

        Raises:
            StoreError: It cannot be written, or belongs to a newer version.
        """
        file = None if directory is None else directory / SESSION_FILE
        where = "in memory" if file is None else str(file)
        address = ":memory:" if file is None else str(file)
        try:
            connection = sqlite3.connect(
                address, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            _prepare(connection, where)
        except sqlite3.Error as error:
            raise StoreError(str(explained(error, where)).replace("run.sqlite", SESSION_FILE)) from error
        return cls(Database(connection, where, file))

    def begun(self) -> tuple[dict[str, JsonValue], bytes | None] | None:
        """Give the settings and the input of the session; `None` where it is new."""
        rows = self._database.rows("SELECT settings, input FROM session")
        if not rows:
            return None
        settings, given = rows[0]
        return json.loads(value_text(settings) or "{}"), None if given is None else unpack(given)

    def begin(self, settings: Mapping[str, JsonValue], given: bytes | None) -> None:
        """Write down what is debugged, once."""
        row = (VERSION, text_value(_json(settings)), None if given is None else pack(given), time.time())
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO session VALUES (?, ?, ?, ?)", row)

    def branch(
        self,
        name: str,
        rollout: str,
        *,
        parent: int | None = None,
        upto: int = 0,
        at: int | None = None,
        kind: str = "main",
        group: str | None = None,
        events: Sequence[tuple[str, str, Mapping[str, Any]]] = (),
        contents: Mapping[bytes, bytes] | None = None,
    ) -> LoggedBranch:
        """Add a branch, with its first events (kind, key, data) and the contents that they name, all or nothing."""
        values = (text_value(name), rollout, parent, upto, at, kind, group, time.time())
        with self._database.transaction() as connection:
            (id,) = connection.execute(
                "INSERT INTO branches (name, rollout, parent, upto, at, kind, grp, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                values,
            ).fetchone()
            _keep(connection, contents or {})
            for event, key, data in events:
                _append(connection, id, event, key, data)
            row = connection.execute(f"SELECT {BRANCH} FROM branches WHERE id = ?", (id,)).fetchone()
        return _branch(row)

    def branches(self) -> list[LoggedBranch]:
        """Give all branches in the order they were made."""
        return [_branch(row) for row in self._database.rows(f"SELECT {BRANCH} FROM branches ORDER BY id")]

    def rename(self, branch: int, name: str) -> None:
        """Give a branch another name."""
        self._change(branch, "name", text_value(name))

    def drop(self, branch: int) -> None:
        """Mark a branch as not wanted any more."""
        self._change(branch, "dropped", 1)

    def move(self, branch: int, rollout: str) -> None:
        """Say that a branch is recorded in another rollout from now on."""
        self._change(branch, "rollout", rollout)

    def end(self, branch: int, outcome: Mapping[str, Any]) -> None:
        """Write down what became of a branch."""
        self._change(branch, "outcome", text_value(_json(outcome)))

    def _change(self, branch: int, column: str, value: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(f"UPDATE branches SET {column} = ? WHERE id = ?", (value, branch))

    def append(
        self,
        branch: int,
        kind: str,
        key: str,
        data: Mapping[str, Any],
        contents: Mapping[bytes, bytes] | None = None,
    ) -> Event:
        """Write an event, with the contents that it names; on disk when this returns."""
        with self._database.transaction() as connection:
            _keep(connection, contents or {})
            seq = _append(connection, branch, kind, key, data)
        return Event(seq, branch, kind, key, data)

    def path(self, branch: LoggedBranch) -> list[Event]:
        """Give the events of a branch in order, those that it shares with its parents first."""
        known = {each.id: each for each in self.branches()}
        parts: list[tuple[int, int | None]] = [(branch.id, None)]
        upto = branch.upto
        while branch.parent is not None:
            upto = min(upto, branch.upto)
            parts.append((branch.parent, upto))
            branch = known[branch.parent]
        return [event for number, upto in reversed(parts) for event in self._events(number, upto)]

    def _events(self, branch: int, upto: int | None) -> Iterator[Event]:
        where = "" if upto is None else f" AND seq <= {int(upto)}"
        sql = f"SELECT seq, branch, kind, key, data FROM events WHERE branch = ?{where} ORDER BY seq"
        for seq, number, kind, key, data in self._database.rows(sql, (branch,)):
            yield Event(seq, number, kind, value_text(key) or "", json.loads(value_text(data) or "{}"))

    def counts(self, *kinds: str) -> dict[int, int]:
        """Count the events of these kinds by branch."""
        marks = ",".join("?" * len(kinds))
        sql = f"SELECT branch, count(*) FROM events WHERE kind IN ({marks}) GROUP BY branch"
        return dict(self._database.rows(sql, kinds))

    def last_of(self, branch: int) -> int | None:
        """Give the number of a branch's own last event; `None` where it has none."""
        rows = self._database.rows("SELECT max(seq) FROM events WHERE branch = ?", (branch,))
        return rows[0][0] if rows else None

    def latest_of(self, kind: str) -> Mapping[str, Any] | None:
        """Give the data of the newest event of a kind; `None` where there is none."""
        rows = self._database.rows(
            "SELECT data FROM events WHERE kind = ? ORDER BY seq DESC LIMIT 1", (kind,)
        )
        return json.loads(value_text(rows[0][0]) or "{}") if rows else None

    def content(self, name: bytes) -> bytes:
        """Give a content by its name.

        Raises:
            StoreError: There is none.
        """
        rows = self._database.rows("SELECT data FROM contents WHERE digest = ?", (name,))
        if not rows:
            raise StoreError(f"{self._database.where!r} is damaged: a value that an event names is missing")
        return unpack(rows[0][0])

    @staticmethod
    def name_of(content: bytes) -> bytes:
        """Give the name of a content."""
        return digest(content)

    def breakpoints(self) -> list[Mapping[str, Any]]:
        """Give the breakpoints that were kept."""
        return [
            json.loads(value_text(data) or "{}")
            for (data,) in self._database.rows("SELECT data FROM breakpoints ORDER BY number")
        ]

    def keep_breakpoints(self, breakpoints: Mapping[int, Mapping[str, Any]]) -> None:
        """Keep exactly these breakpoints, by their numbers."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM breakpoints")
            rows = [(number, text_value(_json(data))) for number, data in breakpoints.items()]
            connection.executemany("INSERT INTO breakpoints VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        self._database.close()


def _prepare(connection: sqlite3.Connection, where: str) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    connection.execute("COMMIT")
    if not tables:
        connection.execute("PRAGMA journal_mode = WAL")
        schema = Path(__file__).with_name("session.sql").read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\nCOMMIT;")
        return
    found = connection.execute("SELECT version FROM session").fetchone()
    if found is not None and found[0] > VERSION:
        raise StoreError(f"{where!r} was written by a newer version of tutelage; use that one")


def _keep(connection: sqlite3.Connection, contents: Mapping[bytes, bytes]) -> None:
    for name, raw in contents.items():
        connection.execute("INSERT OR IGNORE INTO contents VALUES (?, ?)", (name, pack(raw)))


def _append(connection: sqlite3.Connection, branch: int, kind: str, key: str, data: Mapping[str, Any]) -> int:
    row = (branch, kind, text_value(key), text_value(_json(data)))
    sql = "INSERT INTO events (branch, kind, key, data) VALUES (?, ?, ?, ?) RETURNING seq"
    (seq,) = connection.execute(sql, row).fetchone()
    return int(seq)


def _branch(row: tuple[Any, ...]) -> LoggedBranch:
    id, name, rollout, parent, upto, at, kind, group, created, dropped, outcome = row
    return LoggedBranch(
        id=id,
        name=value_text(name) or "",
        rollout=rollout,
        parent=parent,
        upto=upto,
        at=at,
        kind=kind,
        group=group,
        created=created,
        dropped=bool(dropped),
        outcome=None if outcome is None else json.loads(value_text(outcome) or "{}"),
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
