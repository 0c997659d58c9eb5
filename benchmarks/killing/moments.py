"""Moments at which a child ends itself by SIGKILL: inside transactions, commits, checkpoints, opening and closing.

A trap hears every statement of every SQLite connection of its process and every write that SQLite makes, counts the
moments of each kind, and kills at the one it is set for. Where SQLite's writes cannot be watched
(`benchmarks.killing.system_calls`) the last three kinds never come by.
"""

import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.killing.system_calls import HALF, watch

__all__ = ["MOMENTS", "Moment", "Trap", "set_trap"]

MOMENTS = {
    "schema": "at a statement that makes a table",
    "abandoning": "where the next writer abandons what a dead one left",
    "begin": "right after BEGIN",
    "statement": "between two statements of a transaction",
    "instruction": "in the middle of a statement of a transaction",
    "commit": "right before COMMIT",
    "log": "in the middle of a write to the log",
    "moving": "in the middle of a write to the database, by a checkpoint",
    "tidying": "when the log is about to be cut or deleted",
    "unheard": "after the commit, before the caller hears of it",
}
INSTRUCTIONS = 20
"""SQLite's virtual machine instructions between two looks at it."""
PAGES = 40
"""Pages in the log after which a watched connection makes a checkpoint, so that there are many."""
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@dataclass(frozen=True, slots=True)
class Moment:
    """The `at`-th moment of a kind, from 1."""

    kind: str
    at: int


class Trap:
    """Kills its process at a moment; without one it only counts."""

    def __init__(self, moment: Moment | None = None) -> None:
        """Count from nothing, in the process that is to die."""
        self.moment = moment
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._inside = self._fresh = False

    def reach(self, kind: str) -> None:
        """Be at a moment."""
        if self._is_it(kind):
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, statement: str) -> None:
        """Be told of a statement right before SQLite runs it."""
        words = statement.lstrip()[:400].upper()
        if self._fresh:
            self.reach("begin")
        if self._inside and words.startswith(WRITES):
            self.reach("statement")
        if "'ABANDONED'" in words and words.startswith("UPDATE"):
            self.reach("abandoning")
        if words.startswith("CREATE"):
            self.reach("schema")
        if words.startswith("COMMIT"):
            self.reach("commit")
        if words.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            self._inside = words.startswith("BEGIN")
        self._fresh = words.startswith("BEGIN")

    def look(self) -> int:
        """Be told that SQLite has run some instructions."""
        if self._inside:
            self.reach("instruction")
        return 0

    def decide(self, call: str, name: str) -> int:
        """Be asked for a write of SQLite's."""
        if call != "write":
            self.reach("tidying")
        kind = "log" if name.endswith("-wal") else "moving" if name.endswith(".sqlite") else ""
        return HALF if kind and self._is_it(kind) else 0

    def _is_it(self, kind: str) -> bool:
        with self._lock:
            self.counts[kind] += 1
            return self.moment is not None and (kind, self.counts[kind]) == (self.moment.kind, self.moment.at)


def set_trap(trap: Trap) -> None:
    """Let every SQLite connection that this process opens from now on report to a trap."""
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    kinds = set(MOMENTS) if trap.moment is None else {trap.moment.kind}
    often = f"PRAGMA wal_autocheckpoint = {PAGES}"

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            return super().execute(often if sql.startswith("PRAGMA wal_autocheckpoint") else sql, *parameters)

    def watched(*args: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*args, **{"factory": Watched, **named})
        connection.execute(often)
        connection.set_trace_callback(trap.hear)
        if "instruction" in kinds:
            connection.set_progress_handler(trap.look, INSTRUCTIONS)
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]
    if kinds & {"log", "moving", "tidying"}:
        watch(trap.decide)
