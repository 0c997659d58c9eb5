"""What a few digits of an id stand for in a run, and which run on disk a row of an export came from.

Ids begin with the time, so those of one run begin alike; they end in random digits, of which a few are enough.
Not covered: opening what was found.
"""

import re
from collections.abc import Iterator
from os import walk
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from tutelage.errors import StoreError, UserError
from tutelage.traces.blobs import text_value, value_text
from tutelage.traces.database import APPLICATION_ID
from tutelage.traces.run import Run
from tutelage.traces.store import FILE

__all__ = ["Found", "Kind", "find", "row_parts", "run_of_row", "runs_below"]

Kind: TypeAlias = Literal["task", "rollout", "turn"]

ROW = re.compile(r"([0-9a-f]{32})/([0-9a-f]{32})")
HEX = re.compile(r"[0-9a-f]{1,32}")
SHORTEST_END = 4
"""Digits from which on the end of an id is looked for."""
NAMED = 4
"""Ids named where several fit."""

IDS = """SELECT 'turn', id FROM turns WHERE {0} UNION ALL SELECT 'rollout', id FROM rollouts WHERE {0}
UNION ALL SELECT iif(turn_id IS NULL, 'rollout', 'turn'), coalesce(turn_id,
    (SELECT r.id FROM rollouts r WHERE r.seq = candidates.rollout)) FROM candidates WHERE {0}"""
"""A candidate is found by the turn that wrote it, else by its rollout."""
BEGIN = IDS.format("id >= ?1 AND id < ?1 || 'g'")
END = IDS.format("substr(id, -length(?1)) = ?1")
TASKS = "SELECT 'task', id FROM tasks WHERE id >= ?1 AND id < ?1 || char(1114111)"

HEADER = 100
"""Bytes of a SQLite file's header; the application's number is at 68."""


class Found(NamedTuple):
    """What an id stands for."""

    kind: Kind
    id: str


def find(run: Run, text: str) -> Found:
    """Find what a text stands for: a whole id, its beginning, or at least its last four digits.

    A candidate stands for the turn that wrote it, or for its rollout where no turn did.

    Raises:
        UserError: Nothing of this id is in the run, or several things are.
    """
    row = row_parts(text)
    if row is not None:
        return Found("turn", run.turn(row[1]).id)
    rows = run._store.database.rows
    if rows("SELECT 1 FROM tasks WHERE id = ?", (text_value(text),)):
        return Found("task", text)
    found = list(_fitting(run, text.lower())) or [
        Found("task", value_text(id) or "") for _, id in rows(f"{TASKS} LIMIT 1000", (text_value(text),))
    ]
    if not found:
        raise UserError(
            f"run {run.name!r} has no turn, rollout or task whose id begins or ends with {text!r}"
        )
    if len(found) > 1:
        named = ", ".join(f"{each.kind} {each.id}" for each in found[:NAMED])
        more = ", …" if len(found) > NAMED else ""
        raise UserError(
            f"{text!r} stands for several things in run {run.name!r} ({named}{more}); give more digits, "
            "or the last ones, which differ most"
        )
    return found[0]


def _fitting(run: Run, text: str) -> Iterator[Found]:
    if HEX.fullmatch(text):
        rows = run._store.database.rows
        found = rows(f"{BEGIN} LIMIT 1000", (text,))
        if not found and len(text) >= SHORTEST_END:
            found = rows(f"{END} LIMIT 1000", (text,))
        yield from (Found(kind, id) for kind, id in dict.fromkeys(found))


def row_parts(text: str) -> tuple[str, str] | None:
    """Take a row's id apart into a run's and a turn's; `None` where it is none."""
    match = ROW.fullmatch(text)
    return None if match is None else (match[1], match[2])


def runs_below(directory: str | Path) -> Iterator[Path]:
    """Give the runs in and below a directory: those that are directories, and copies in one file (`*.sqlite`).

    Hidden directories, and what an upgrade left, are passed by.
    """
    for place, inner, files in walk(directory):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(files):
            if name == FILE:
                yield Path(place)
            elif name.endswith(".sqlite") and not re.fullmatch(r"run\.v\d+\.sqlite", name):
                file = Path(place, name)
                if _is_run(file):
                    yield file


def run_of_row(row: str, directory: str | Path) -> Path:
    """Find the run that a row of an export came from, by its `row_id`.

    Raises:
        UserError: It is no row's id, or none of the runs below the directory has the turn.
    """
    parts = row_parts(row)
    if parts is None:
        raise UserError(f"{row!r} is no row_id; those are RUN_ID/TURN_ID, twice 32 digits")
    related: list[Path] = []
    for path in runs_below(directory):
        try:
            with Run.open(path) as run:
                if run.id == parts[0]:
                    return path
                if any(each.id == parts[0] for each in run.origins()):
                    related.append(path)
        except StoreError:
            continue
    if not related:
        raise UserError(
            f"no run below {str(directory)!r} has the id {parts[0]}; say where to look, --in DIRECTORY"
        )
    return related[0]


def _is_run(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            header = opened.read(HEADER)
    except OSError:
        return False
    return header[68:72] == APPLICATION_ID.to_bytes(4)
