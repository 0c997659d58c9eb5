"""The only place of the exports that reads the store: `stories`, task by task, a page of tasks at a time.

A page is read in one transaction, so that a run under way is seen at one moment, and then worked on without
holding the store. Rollouts that begin after a survey are not in what is read by it. Memory
grows with the turns of the largest task and not with the run. Abandoned rollouts are left out, as everywhere; where
lessons are asked for they are not, since what was said of a turn counts whatever became of its rollout.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from sqlite3 import Connection

from tutelage.errors import StoreError
from tutelage.traces.blobs import value_text
from tutelage.traces.database import Database
from tutelage.traces.export.collector import collector_held
from tutelage.traces.export.page import Needs, Pages
from tutelage.traces.export.story import Story
from tutelage.traces.lessons import NAMED
from tutelage.traces.run import Run

__all__ = ["Needs", "Survey", "database_of", "stories", "survey"]

TAUGHT = f"""SELECT task, seq FROM rollouts WHERE seq <= ? AND task IN (SELECT t.task FROM scores s
    JOIN rollouts t ON t.seq = s.rollout WHERE s.name IN ({NAMED})) ORDER BY task, repeat, seq"""
"""The rollouts of the tasks that something was said about."""

FIRST = 16
"""Tasks of the first page."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What an export has to know of a run before it begins."""

    verifiers: tuple[str, ...]
    """Names of scores of rollouts, candidates and turns, but for the verdicts of reviewers and what was taught."""
    deciding: tuple[str, ...]
    """Those that say right or wrong."""
    wide: bool
    """Some message has more than a role and a text."""
    tools: bool
    """Some turn was offered tools."""
    tokens: bool
    """Some turn has the token ids of its prompt and of its completion."""
    models: tuple[str, ...]
    policies: tuple[str, ...]
    roles: tuple[str, ...]
    nodes: tuple[str, ...]
    """All three in the order of their first turn."""
    lessons: bool
    """Something was taught."""
    rollouts: int
    """The number of the last rollout that had begun."""


def survey(run: Run) -> Survey:
    """Look at a run as a whole, with a few quick queries."""
    with snapshot(database_of(run)):
        return _survey(run)


def _survey(run: Run) -> Survey:
    rows = database_of(run).rows
    ((rollouts,),) = rows("SELECT coalesce(max(seq), 0) FROM rollouts")
    names = {
        value_text(name) or "": bool(decides)
        for name, decides in rows(
            "SELECT name, max(passed IS NOT NULL) FROM scores WHERE name <> 'verdict' "
            f"AND name NOT IN ({NAMED}) GROUP BY name"
        )
    }
    speakers = rows("SELECT model, policy, role, coalesce(node, '') FROM speakers ORDER BY id")
    return Survey(
        verifiers=tuple(sorted(names)),
        deciding=tuple(sorted(name for name, decides in names.items() if decides)),
        wide=_any(run, "messages WHERE role IS NULL") or _any(run, "turns WHERE tool_calls IS NOT NULL"),
        tools=_any(run, "speakers WHERE tools IS NOT NULL"),
        tokens=_any(run, "turns WHERE read IS NOT NULL AND written IS NOT NULL"),
        models=_each(row[0] for row in speakers),
        policies=_each(row[1] for row in speakers),
        roles=_each(row[2] for row in speakers),
        nodes=_each(row[3] for row in speakers if row[3]),
        lessons=_any(run, f"scores WHERE name IN ({NAMED})"),
        rollouts=rollouts,
    )


def stories(run: Run, needs: Needs, known: Survey | None = None) -> Iterator[Story]:
    """Read a run task by task, in the order in which the tasks were first begun; those that were taught, if asked for.

    Args:
        run: An open run.
        needs: What is read besides turns and verdicts.
        known: Rollouts that began after this survey are left out; `None`: those that begin from now on.
    """
    database = database_of(run)
    pages = Pages(run.id, needs, (known or survey(run)).rollouts)
    if needs.taught:
        taught = database.rows(TAUGHT, ((known or survey(run)).rollouts,))
        for task, numbers in groupby(taught, key=lambda row: row[0]):
            yield from _page(database, pages, task, task, [number for _, number in numbers])[0]
        return
    start, count = 1, FIRST
    ((last,),) = database.rows("SELECT coalesce(max(seq), 0) FROM tasks")
    while start <= last:
        page, share = _page(database, pages, start, start + count - 1)
        yield from page
        start += count
        count = max(1, min(4 * count, int(count / share)))


def _page(
    database: Database, pages: Pages, first: int, last: int, lessons: Sequence[int] = ()
) -> tuple[list[Story], float]:
    with snapshot(database) as connection, collector_held():
        try:
            return pages.read(connection, first, last, lessons)
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise StoreError(
                f"run {database.where!r} holds a row that cannot be understood: {error}"
            ) from error


def database_of(run: Run) -> Database:
    """The database of a run."""
    return run._store.database


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """Hold the connection and see the run at one moment, whatever other processes write meanwhile."""
    with database.reading() as connection:
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _each(values: Iterable[str | bytes]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value_text(value) or "" for value in values))


def _any(run: Run, where: str) -> bool:
    ((found,),) = database_of(run).rows(f"SELECT EXISTS (SELECT 1 FROM {where})")
    return bool(found)
