"""Runs of schema 1 made into runs of the present schema: read as they were, written anew, exchanged at once.

The old file stays beside the new one as `run.v1.sqlite`. An upgrade that is killed leaves the old run as it was.
What schema 1 did not record (when a score was given, the tools that were offered) stays missing.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from tutelage.errors import StoreError, UserError
from tutelage.traces.arrays import ids_of, logprobs_of, steps_of
from tutelage.traces.blobs import bytes_text, content_of, unpack, value_text
from tutelage.traces.database import explained, schema_version
from tutelage.traces.lock import WriterLock
from tutelage.traces.merging import Story, add_story
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Turn
from tutelage.traces.store import FILE, ORIGIN, Store
from tutelage.traces.writing import Rows
from tutelage.types import Sampling, Score, Task

__all__ = ["upgrade_run"]

Row = tuple[Any, ...]

TURNS = """SELECT id, role, node, parents, call, sample, messages, completion, finish_reason, prompt_ids,
    completion_ids, logprobs, sampling, model, policy, started, seconds, error, metadata
    FROM turns WHERE rollout = ? ORDER BY seq"""


def upgrade_run(path: str | Path) -> Path:
    """Give the run in a directory the present schema; a run that has it stays as it is.

    Returns:
        Where the old file lies now; the run's file where nothing was to be done.

    Raises:
        StoreError: There is no run of an older schema, it is being written, or it cannot be written.
    """
    directory = Path(path)
    file, old = directory / FILE, directory / "run.v1.sqlite"
    if not file.is_file():
        raise StoreError(f"no run is recorded in {str(path)!r}: it has no file {FILE!r}")
    lock = WriterLock(directory)
    fresh = directory / ".upgrade"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with closing(sqlite3.connect(file, isolation_level=None, timeout=1.0)) as connection:
            if schema_version(connection, str(path)) != 1:
                return file
            with Store.open(fresh) as store:
                _copy(Version1(connection), store)
            _take_alone(connection, str(path))
        with suppress(FileExistsError):
            os.link(file, old)
        os.replace(fresh / FILE, file)
    except sqlite3.Error as error:
        raise explained(error, str(path)) from error
    except OSError as error:
        raise StoreError(f"run {str(path)!r} cannot be upgraded: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        lock.release()
    return old


def _take_alone(connection: sqlite3.Connection, where: str) -> None:
    """Fold the old file's log into it, which needs that nobody else has it open.

    Raises:
        StoreError: Somebody has; its log would be taken for the new file's.
    """
    connection.execute("PRAGMA busy_timeout = 1000")
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError:
        mode = "wal"
    if mode != "delete":
        raise StoreError(f"run {where!r} is open elsewhere, maybe for reading; close that and upgrade again")


def _copy(old: "Version1", store: Store) -> None:
    journal = store.writing()
    row = old.connection.execute(f"SELECT {ORIGIN} FROM run").fetchone()
    if row is None:
        return
    insert = f"INSERT INTO run ({ORIGIN}) VALUES (?, ?, ?, ?)"
    journal.write(lambda rows: rows.connection.execute(insert, row))
    for story in old.stories(row[0]):
        journal.write(partial(_add, story))


def _add(story: Story, rows: Rows) -> None:
    try:
        add_story(rows, story, None)
    except UserError as error:
        raise StoreError(f"the old run contradicts itself: {error}") from error


class Version1:
    """How schema 1 is read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read from an open file."""
        self.connection = connection

    def stories(self, run: str) -> Iterator[Story]:
        """Give the rollouts in the order they began."""
        sql = """SELECT r.seq, r.id, k.body, r.repeat, r.status, r.error, r.answer, r.started, r.ended, r.output
            FROM rollouts r JOIN tasks k ON k.seq = r.task ORDER BY r.seq"""
        for row in self.connection.execute(sql).fetchall():
            running = row[4] == "running"
            rollout = Rollout(
                id=row[1],
                run_id=run,
                task=Task.model_validate(self._json(row[2])),
                repeat=row[3],
                status="abandoned" if running else row[4],
                error="its process ended before it did" if running else value_text(row[5]),
                answer=value_text(row[6]),
                started=row[7],
                ended=row[8],
                output=None if row[9] is None else self._json(row[9]),
            )
            yield Story(rollout, self._turns(row), self._candidates(row), self._scores(row))

    def _turns(self, rollout: Row) -> list[Turn]:
        rows = self.connection.execute(TURNS, rollout[:1]).fetchall()
        samples: dict[int, int] = {}
        for row in rows:
            samples[row[4]] = max(samples.get(row[4], 0), row[5] + 1)
        return [self._turn(row, rollout[1], samples[row[4]]) for row in rows]

    def _turn(self, row: Row, rollout_id: str, samples: int) -> Turn:
        metadata = json.loads(value_text(row[18]) or "{}")
        prompt = None if row[9] is None else b"".join(map(self._body, json.loads(row[9])))
        return Turn(
            id=row[0],
            rollout_id=rollout_id,
            role=value_text(row[1]) or "",
            node=value_text(row[2]),
            parents=_names(row[3]),
            call=row[4],
            samples=samples,
            sample=row[5],
            messages=tuple(self._json(number) for number in json.loads(row[6])),
            completion=bytes_text(self._body(row[7])),
            tool_calls=tuple(metadata.pop("tool_calls", ())),
            finish_reason=value_text(row[8]),
            prompt_token_ids=None if prompt is None else ids_of(prompt),
            completion_token_ids=None if row[10] is None else ids_of(unpack(row[10])),
            logprobs=None if row[11] is None else logprobs_of(unpack(row[11])),
            sampling=Sampling.model_validate(self._json(row[12])),
            model=value_text(row[13]) or "",
            policy=value_text(row[14]) or "",
            started=row[15],
            seconds=row[16],
            error=value_text(row[17]),
            metadata=metadata,
        )

    def _candidates(self, rollout: Row) -> list[Candidate]:
        sql = (
            "SELECT id, text, answer, parents, turn_id, round FROM candidates WHERE rollout = ? ORDER BY seq"
        )
        return [
            Candidate(
                id=row[0],
                rollout_id=rollout[1],
                text=bytes_text(self._body(row[1])),
                answer=value_text(row[2]),
                parents=_names(row[3]),
                turn_id=value_text(row[4]),
                round=row[5],
            )
            for row in self.connection.execute(sql, rollout[:1]).fetchall()
        ]

    def _scores(self, rollout: Row) -> list[ScoreRow]:
        sql = """SELECT subject, subject_id, name, value, passed, steps, feedback
            FROM scores WHERE rollout = ? ORDER BY seq"""
        return [
            ScoreRow(
                rollout_id=rollout[1],
                subject=row[0],
                subject_id=value_text(row[1]) or "",
                score=Score(
                    name=value_text(row[2]) or "",
                    value=float("nan") if row[3] is None else row[3],
                    passed=None if row[4] is None else bool(row[4]),
                    steps=None if row[5] is None else steps_of(row[5]),
                    feedback=value_text(row[6]),
                ),
            )
            for row in self.connection.execute(sql, rollout[:1]).fetchall()
        ]

    def _body(self, number: int) -> bytes:
        (data,) = self.connection.execute("SELECT data FROM bodies WHERE id = ?", (number,)).fetchone()
        return unpack(data)

    def _json(self, number: int) -> Any:
        return content_of(self._body(number))


def _names(value: str | bytes) -> tuple[str, ...]:
    return tuple(json.loads(value_text(value) or "[]"))
