"""The only place of the exports that reads the store: `stories`, task by task, a page of tasks at a time.

A page is read in one go and then worked on without holding the store. Memory grows with the turns of the
largest task and not with the run. Abandoned rollouts are left out, as everywhere.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tutelage.errors import StoreError
from tutelage.traces.blobs import value_text
from tutelage.traces.database import Database
from tutelage.traces.export.collector import collector_held
from tutelage.traces.export.page import Needs, Pages
from tutelage.traces.export.story import Story
from tutelage.traces.run import Run

__all__ = ["Needs", "Survey", "stories", "survey"]

FIRST = 16
"""Tasks of the first page."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What an export has to know of a run before it begins."""

    verifiers: tuple[str, ...]
    """Names of scores of rollouts, candidates and turns, but for the verdicts of reviewers."""
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
    """Both in the order of their first turn."""


def survey(run: Run) -> Survey:
    """Look at a run as a whole, with a few quick queries."""
    rows = database_of(run).rows
    names = {
        value_text(name) or "": bool(decides)
        for name, decides in rows(
            "SELECT name, max(passed IS NOT NULL) FROM scores WHERE name <> 'verdict' GROUP BY name"
        )
    }
    speakers = rows("SELECT model, policy FROM speakers ORDER BY id")
    return Survey(
        verifiers=tuple(sorted(names)),
        deciding=tuple(sorted(name for name, decides in names.items() if decides)),
        wide=_any(run, "messages WHERE role IS NULL") or _any(run, "turns WHERE tool_calls IS NOT NULL"),
        tools=_any(run, "speakers WHERE tools IS NOT NULL"),
        tokens=_any(run, "turns WHERE read IS NOT NULL AND written IS NOT NULL"),
        models=tuple(dict.fromkeys(value_text(model) or "" for model, _ in speakers)),
        policies=tuple(dict.fromkeys(value_text(policy) or "" for _, policy in speakers)),
    )


def stories(run: Run, needs: Needs) -> Iterator[Story]:
    """Read a run task by task, in the order in which the tasks were first begun."""
    database = database_of(run)
    pages = Pages(run.id, needs)
    start, count = 1, FIRST
    ((last,),) = database.rows("SELECT coalesce(max(seq), 0) FROM tasks")
    while start <= last:
        with database.reading() as connection, collector_held():
            try:
                page, share = pages.read(connection, start, start + count - 1)
            except (ValueError, KeyError, TypeError, zlib.error) as error:
                raise StoreError(
                    f"run {database.where!r} holds a row that cannot be understood: {error}"
                ) from error
        yield from page
        start += count
        count = max(1, min(4 * count, int(count / share)))


def database_of(run: Run) -> Database:
    """The database of a run."""
    return run._store.database


def _any(run: Run, where: str) -> bool:
    ((found,),) = database_of(run).rows(f"SELECT EXISTS (SELECT 1 FROM {where})")
    return bool(found)
