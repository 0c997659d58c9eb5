"""A run: many rollouts under one set of settings, read at any time and written by one process.

Abandoned rollouts never count: no method gives them or what belongs to them, unless they are asked for by
`status="abandoned"` or by a rollout's id. Not covered: how a run is made (`Store.start_run`).
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.traces.blobs import text_value, value_text
from tutelage.traces.ids import new_id
from tutelage.traces.reading import read_candidates, read_rollouts, read_scores, read_turns
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Status, Subject, TokenCount, Turn
from tutelage.traces.recorder import RolloutRecorder, score_row
from tutelage.traces.report import report, summary
from tutelage.traces.writing import insert_score, json_body, task_row
from tutelage.types import Score, Task

if TYPE_CHECKING:
    from tutelage.traces.store import Store

__all__ = ["Run"]

COUNTED = "r.status <> 'abandoned'"

TOKENS = f"""WITH calls AS (
    SELECT t.role AS role, max(t.prompt_tokens) AS prompt, sum(t.completion_tokens) AS completion,
        count(*) AS turns, sum(t.prompt_tokens IS NULL OR t.completion_tokens IS NULL) AS unknown
    FROM turns t JOIN rollouts r ON r.seq = t.rollout WHERE {COUNTED} GROUP BY t.rollout, t.call, t.role
)
SELECT role, coalesce(sum(prompt), 0), coalesce(sum(completion), 0), sum(turns), sum(unknown)
FROM calls GROUP BY role ORDER BY role"""

BEGIN = """INSERT INTO rollouts (id, task, repeat, status, started)
VALUES (?, ?, ?, 'running', ?) RETURNING seq"""

FINISHED = """SELECT k.id, r.repeat FROM rollouts r JOIN tasks k ON k.seq = r.task
WHERE r.status IN ('done', 'failed')"""


class Run:
    """What was recorded in one directory; made by `Store.start_run`, `Store.run` or `Run.open`."""

    def __init__(self, store: "Store", id: str, name: str, settings: Mapping[str, JsonValue]) -> None:
        """Stand for the run of a store."""
        self.id = id
        self.name = name
        self.settings = settings
        """What it was started with, plain data."""
        self._store = store

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Open a recorded run for reading, also while it is being written.

        Raises:
            StoreError: There is none, or it cannot be read.
        """
        from tutelage.traces.store import Store

        store = Store.open(path, read_only=True)
        try:
            return store.run()
        except BaseException:
            store.close()
            raise

    @property
    def path(self) -> Path | None:
        """The run's directory; `None` for a run in memory."""
        return self._store.path

    def begin(self, task: Task, repeat: int = 0) -> RolloutRecorder:
        """Begin a rollout; it is on disk as running when this returns.

        Raises:
            UserError: This task and repeat are running, done or failed already, or another task has its id.
            StoreError: The run cannot be written.
        """
        if repeat < 0:
            raise UserError(f"a rollout's repeat is 0 or more, not {repeat!r}")
        content = json_body(task.model_dump(), f"task {task.id!r}")
        rollout = Rollout(
            id=new_id(), run_id=self.id, task=task, repeat=repeat, status="running", started=time.time()
        )
        with self._store.writing() as connection:
            number = task_row(connection, task, content)
            if number is None:
                raise UserError(
                    f"task {task.id!r} is recorded in run {self.name!r} with other contents; rename it"
                )
            sql = f"SELECT r.status FROM rollouts r WHERE r.task = ? AND r.repeat = ? AND {COUNTED}"
            taken = connection.execute(sql, (number, repeat)).fetchone()
            if taken is not None:
                raise UserError(
                    f"repeat {repeat} of task {task.id!r} is {taken[0]} already in run {self.name!r}"
                )
            (row,) = connection.execute(BEGIN, (rollout.id, number, repeat, rollout.started)).fetchone()
        return RolloutRecorder(self._store.database, row, rollout)

    def score(
        self, rollout_id: str, score: Score, *, subject: Subject = "rollout", subject_id: str | None = None
    ) -> ScoreRow:
        """Score a rollout, or a candidate or turn of it, at any later time; of one name the latest counts.

        Raises:
            UserError: There is no such rollout, or the subject has no id.
            StoreError: The run cannot be written.
        """
        row = score_row(rollout_id, score, subject, subject_id)
        with self._store.writing() as connection:
            found = connection.execute("SELECT seq FROM rollouts WHERE id = ?", (rollout_id,)).fetchone()
            if found is None:
                raise UserError(f"run {self.name!r} has no rollout {rollout_id!r}")
            insert_score(connection, found[0], row)
        return row

    def rollouts(self, status: Status | None = None) -> list[Rollout]:
        """Give the rollouts in the order they began: those with this status, else all that count."""
        where, parameters = (COUNTED, ()) if status is None else ("r.status = ?", (status,))
        return list(read_rollouts(self._store.database, self.id, where, parameters))

    def turns(self, rollout_id: str | None = None, role: str | None = None) -> list[Turn]:
        """Give the turns in the order they were recorded, of one rollout, of one role, or all that count."""
        where, parameters = _of(rollout_id)
        if role is not None:
            where, parameters = f"{where} AND t.role = ?", (*parameters, text_value(role))
        return list(read_turns(self._store.database, where, parameters))

    def candidates(self, rollout_id: str | None = None) -> list[Candidate]:
        """Give the candidates in the order they were recorded, of one rollout or all that count."""
        return list(read_candidates(self._store.database, *_of(rollout_id)))

    def scores(self, rollout_id: str | None = None, subject: Subject | None = None) -> list[ScoreRow]:
        """Give the scores in the order they were recorded, of one rollout, of one kind, or all that count."""
        where, parameters = _of(rollout_id)
        if subject is not None:
            where, parameters = f"{where} AND t.subject = ?", (*parameters, subject)
        return list(read_scores(self._store.database, where, parameters))

    def finished(self) -> set[tuple[str, int]]:
        """Give (task id, repeat) of every rollout that is done or failed: what a resumed run leaves out."""
        rows = self._store.database.rows(FINISHED)
        return {(value_text(task) or "", repeat) for task, repeat in rows}

    def tokens(self) -> dict[str, TokenCount]:
        """Count what every role read and wrote in the rollouts that count."""
        return {
            value_text(role) or "": TokenCount(
                prompt=prompt, completion=written, turns=turns, unknown=unknown
            )
            for role, prompt, written, turns, unknown in self._store.database.rows(TOKENS)
        }

    def summary(self) -> dict[str, Any]:
        """Give the numbers of `report` as plain data (see `tutelage.traces.report.summary`)."""
        return summary(self, self._store.database)

    def report(self) -> str:
        """Tell in a few lines what became of the tasks, how many were right, and what it cost."""
        return report(self.summary())

    def release(self) -> None:
        """Let another process write; this run can still be read."""
        self._store.release()

    def close(self) -> None:
        """Close the run's store; harmless when done twice."""
        self._store.close()

    def __enter__(self) -> Self:
        """Give the run itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _of(rollout_id: str | None) -> tuple[str, tuple[object, ...]]:
    return (COUNTED, ()) if rollout_id is None else ("r.id = ?", (rollout_id,))
