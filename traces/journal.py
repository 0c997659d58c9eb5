"""Group commit: what several threads or tasks have to write at a moment goes to disk in one transaction.

`Journal.write` returns, and `await Journal.awrite` resumes, when the action's rows are committed. Whoever
comes first writes for all who wait: a thread that waits for the database finds its rows written by the one
before it; the tasks of an event loop that are ready at about the same time are written together.

Where an action fails, nothing of the transaction is kept, and its actions are tried again one by one, so that
only what cannot be written fails. An action may therefore run twice: what it changes besides rows it changes
with `Rows.then`, which is done once the rows are committed.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from tutelage.errors import StoreError
from tutelage.traces.database import Database
from tutelage.traces.writing import Rows

__all__ = ["Action", "Journal"]

PATIENCE = 4
"""Iterations of a busy event loop over which writes are gathered."""

Result = TypeVar("Result")
Action = Callable[[Rows], Result]
"""Adds rows; what it returns is handed on once they are committed."""


class Journal:
    """The only way to write a run."""

    def __init__(self, database: Database) -> None:
        """Write into a database that is open for writing."""
        self._database = database
        self._pending: deque[Entry[Any]] = deque()
        self._rows: Rows | None = None
        self._summoned: asyncio.AbstractEventLoop | None = None
        """The loop that will write at the end of its iteration."""

    def write(self, action: Action[Result]) -> Result:
        """Write now.

        Raises:
            UserError: The action refuses.
            StoreError: The file cannot be written.
        """
        entry: Entry[Result] = Entry(action)
        self._pending.append(entry)
        with self._database.reading():
            if not entry.done:
                self._flush()
        return entry.outcome()

    async def awrite(self, action: Action[Result]) -> Result:
        """The same together with the other tasks of this event loop; a cancelled caller's rows are written, too."""
        loop = asyncio.get_running_loop()
        entry = LoopEntry(action, loop)
        self._pending.append(entry)
        if self._summoned is not loop:
            self._summoned = loop
            loop.call_soon(self._flush_for, loop, 0, PATIENCE)
        return await entry.future

    def _flush_for(self, loop: asyncio.AbstractEventLoop, before: int, patience: int) -> None:
        """Write once nothing more has come in an iteration of the loop, or patience is at its end."""
        waiting = len(self._pending)
        if patience and waiting > before:
            loop.call_soon(self._flush_for, loop, waiting, patience - 1)
            return
        if self._summoned is loop:
            self._summoned = None
        try:
            with self._database.reading():
                self._flush()
        except StoreError as error:
            while self._pending:
                self._pending.popleft().settle(error=error)

    def _flush(self) -> None:
        """Write all that wait, while the database is held."""
        entries: list[Entry[Any]] = []
        while self._pending:
            entries.append(self._pending.popleft())
        if not entries:
            return
        try:
            outcomes = self._commit(entries)
        except Exception as error:
            self._rows = None
            if len(entries) == 1:
                entries[0].settle(error=error)
                return
            for entry in entries:
                self._alone(entry)
            return
        except BaseException as error:
            self._rows = None
            for entry in entries:
                entry.settle(error=StoreError(f"a write was broken off: {error!r}"))
            raise
        for entry, outcome in zip(entries, outcomes, strict=True):
            entry.settle(outcome)

    def _commit(self, entries: Sequence["Entry[Any]"]) -> list[Any]:
        with self._database.transaction() as connection:
            if self._rows is None:
                self._rows = Rows(connection)
            outcomes = [entry.action(self._rows) for entry in entries]
            self._rows.flush()
        self._rows.committed()
        return outcomes

    def _alone(self, entry: "Entry[Any]") -> None:
        """Write one of several of which one could not be written, so that only that one fails."""
        try:
            (outcome,) = self._commit([entry])
        except Exception as error:
            self._rows = None
            entry.settle(error=error)
        else:
            entry.settle(outcome)


class Entry(Generic[Result]):
    """An action that waits, and then what became of it."""

    __slots__ = ("_error", "_value", "action", "done")

    def __init__(self, action: Action[Result]) -> None:
        """Wait."""
        self.action = action
        self.done = False
        self._value: Result | None = None
        self._error: BaseException | None = None

    def settle(self, value: Result | None = None, error: BaseException | None = None) -> None:
        """Say what became of it; only the first word counts."""
        if not self.done:
            self._value, self._error, self.done = value, error, True

    def outcome(self) -> Result:
        """Give the action's result, or raise its error."""
        if self._error is not None:
            raise self._error
        return cast(Result, self._value)


class LoopEntry(Entry[Result]):
    """An action for which a task of an event loop waits."""

    __slots__ = ("_loop", "_thread", "future")

    def __init__(self, action: Action[Result], loop: asyncio.AbstractEventLoop) -> None:
        """Wait in this thread's running loop."""
        super().__init__(action)
        self._loop = loop
        self._thread = threading.get_ident()
        self.future: asyncio.Future[Result] = loop.create_future()

    def settle(self, value: Result | None = None, error: BaseException | None = None) -> None:
        """Wake the task up, from whatever thread."""
        if self.done:
            return
        super().settle(value, error)
        if threading.get_ident() == self._thread:
            self._wake()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self.future.done():
            return
        if self._error is None:
            self.future.set_result(cast(Result, self._value))
        else:
            self.future.set_exception(self._error)
