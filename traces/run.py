"""A run: many rollouts under one set of settings, read at any time and written by one process.

Abandoned rollouts never count: no method gives them or what belongs to them, unless they are asked for by
`status="abandoned"` or by a rollout's id. Not covered: how a run is made (`Store.start_run`).
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from pydantic import JsonValue

from tutelage.errors import StoreError, UserError
from tutelage.traces.blobs import text_value, value_text
from tutelage.traces.call_reading import CallReader
from tutelage.traces.calls import Calls, RecordedCall
from tutelage.traces.ids import new_id
from tutelage.traces.reading import read_candidates, read_rollouts, read_scores, read_turns
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Status, Subject, TokenCount, Turn
from tutelage.traces.recorder import RolloutRecorder, score_row
from tutelage.traces.report import report, summary
from tutelage.traces.resuming import DROPPED, drop, take_up
from tutelage.traces.turn_graph import branches_of, graph_of
from tutelage.traces.writing import Rows
from tutelage.types import Score, Task

if TYPE_CHECKING:
    from networkx import DiGraph

    from tutelage.traces.export import Export
    from tutelage.traces.store import Store

__all__ = ["Origin", "Run", "origin_of"]

COUNTED = "r.status <> 'abandoned'"

TOKENS = f"""WITH calls AS (
    SELECT s.role AS role, max(t.prompt_tokens) AS prompt, sum(t.completion_tokens) AS completion,
        count(*) AS turns, sum(t.prompt_tokens IS NULL OR t.completion_tokens IS NULL) AS unknown
    FROM turns t JOIN rollouts r ON r.seq = t.rollout JOIN speakers s ON s.id = t.speaker
    WHERE {COUNTED} AND (NOT ? OR r.status IN ('done', 'failed')) GROUP BY t.rollout, t.call, s.role
)
SELECT role, coalesce(sum(prompt), 0), coalesce(sum(completion), 0), sum(turns), sum(unknown)
FROM calls GROUP BY role ORDER BY role"""

BEGIN = """INSERT INTO rollouts (id, task, repeat, status, started)
VALUES (?, ?, ?, 'running', ?) RETURNING seq"""

INTERRUPTED = "UPDATE rollouts SET status = 'abandoned', error = 'interrupted' WHERE id = ?"

ENDS = """SELECT k.id, r.repeat, r.id FROM rollouts r JOIN tasks k ON k.seq = r.task
WHERE r.status IN ('done', 'failed') ORDER BY r.seq"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rollouts were recorded: the run itself, or a shard that was merged into it."""

    id: str
    name: str
    settings: Mapping[str, JsonValue]
    created: float
    """Unix time in seconds."""


class Run:
    """What was recorded in one directory; made by `Store.start_run`, `Store.run` or `Run.open`."""

    def __init__(self, store: "Store", origin: Origin) -> None:
        """Stand for the run of a store."""
        self.id = origin.id
        self.name = origin.name
        self.settings = origin.settings
        """What it was started with, plain data."""
        self.created = origin.created
        """Unix time in seconds."""
        self._store = store
        self._calls = CallReader()

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Open a recorded run for reading, also while it is being written: a directory, or a copy in one file.

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

    def origins(self) -> list[Origin]:
        """Give the run itself, and the shards that were merged into it."""
        own = Origin(self.id, self.name, self.settings, self.created)
        rows = self._store.database.rows("SELECT id, name, settings, created FROM shards ORDER BY seq")
        return [own, *(origin_of(row) for row in rows)]

    def begin(self, task: Task, repeat: int = 0) -> RolloutRecorder:
        """Begin a rollout; it is on disk as running when this returns.

        A rollout that goes on from another one's turns, as the branches of a debugging session do, is told of them:
        `recorder.follow(turn_ids)`.

        Raises:
            UserError: This task and repeat are running, done or failed already, or another task has its id.
            StoreError: The run cannot be written.
        """
        rollout, journal = self._fresh(task, repeat), self._store.writing()
        return self._recorder(rollout, journal.write(partial(self._begun, rollout)))

    async def abegin(self, task: Task, repeat: int = 0) -> RolloutRecorder:
        """The same, written together with what other tasks of this event loop write.

        A caller that is cancelled meanwhile leaves the rollout abandoned.
        """
        rollout, journal = self._fresh(task, repeat), self._store.writing()
        try:
            return self._recorder(rollout, await journal.awrite(partial(self._begun, rollout)))
        except asyncio.CancelledError:
            with suppress(StoreError):
                journal.write(lambda rows: rows.connection.execute(INTERRUPTED, (rollout.id,)))
            raise

    def resume(self, rollout_id: str) -> RolloutRecorder:
        """Take a rollout up again that was left unfinished: abandoned, or running in a process that is dead.

        It is running again when this returns. Its turns stay, calls are numbered on after them, and parents are
        found among them as before.

        Raises:
            UserError: There is no such rollout; it is done, failed or dropped, or being recorded in this process; or
                its task and repeat were run anew meanwhile.
            StoreError: The run cannot be written.
        """
        held = self._store.recorders.get(rollout_id)
        if held is not None and held.ended is None:
            raise UserError(f"rollout {rollout_id!r} is being recorded in this process already")
        row, calls, next_call = self._store.writing().write(lambda rows: take_up(rows, rollout_id))
        return self._recorder(self.rollout(rollout_id), row, calls, next_call)

    def drop(self, rollout_id: str) -> None:
        """Let a rollout count no longer, whatever became of it: it is abandoned, "dropped by a person".

        Its turns, scores, answer and output stay on record. Dropping twice is harmless; it cannot be taken up again.

        Raises:
            UserError: There is no such rollout.
            StoreError: The run cannot be written.
        """
        held = self._store.recorders.get(rollout_id)
        if held is not None and held.ended is None:
            held.abandon(DROPPED)
        else:
            self._store.writing().write(lambda rows: drop(rows, rollout_id))

    def _recorder(
        self, rollout: Rollout, row: int, calls: Calls | None = None, next_call: int = 0
    ) -> RolloutRecorder:
        recorder = RolloutRecorder(self._store.writing(), row, rollout, calls, next_call)
        self._store.recorders[rollout.id] = recorder
        return recorder

    def _fresh(self, task: Task, repeat: int) -> Rollout:
        if repeat < 0:
            raise UserError(f"a rollout's repeat is 0 or more, not {repeat!r}")
        return Rollout(
            id=new_id(), run_id=self.id, task=task, repeat=repeat, status="running", started=time.time()
        )

    def _begun(self, rollout: Rollout, rows: Rows) -> int:
        number = rows.task(rollout.task)
        sql = f"SELECT r.status FROM rollouts r WHERE r.task = ? AND r.repeat = ? AND {COUNTED}"
        taken = rows.connection.execute(sql, (number, rollout.repeat)).fetchone()
        if taken is not None:
            raise UserError(
                f"repeat {rollout.repeat} of task {rollout.task.id!r} is {taken[0]} already in run {self.name!r}"
            )
        values = (rollout.id, number, rollout.repeat, rollout.started)
        (row,) = rows.connection.execute(BEGIN, values).fetchone()
        return int(row)

    def score(
        self, rollout_id: str, score: Score, *, subject: Subject = "rollout", subject_id: str | None = None
    ) -> ScoreRow:
        """Score a rollout, or a candidate or turn of it, at any later time; of one name the latest counts.

        Raises:
            UserError: There is no such rollout, or the subject has no id.
            StoreError: The run cannot be written.
        """
        row = score_row(rollout_id, score, subject, subject_id)

        def action(rows: Rows) -> None:
            sql = "SELECT seq FROM rollouts WHERE id = ?"
            found = rows.connection.execute(sql, (rollout_id,)).fetchone()
            if found is None:
                raise UserError(f"run {self.name!r} has no rollout {rollout_id!r}")
            rows.score(found[0], row)

        self._store.writing().write(action)
        return row

    def rollouts(self, status: Status | None = None) -> list[Rollout]:
        """Give the rollouts in the order they began: those with this status, else all that count.

        Raises:
            UserError: There is no such status.
        """
        if status is not None and status not in get_args(Status):
            raise UserError(f"a rollout's status is one of {', '.join(get_args(Status))}, not {status!r}")
        where, parameters = (COUNTED, ()) if status is None else ("r.status = ?", (status,))
        return list(read_rollouts(self._store.database, self.id, where, parameters))

    def turns(
        self,
        rollout_id: str | None = None,
        role: str | None = None,
        *,
        node: str | None = None,
        policy: str | None = None,
        text: str | None = None,
        error: bool | None = None,
    ) -> list[Turn]:
        """Give the turns in the order they were recorded: of one rollout or all that count.

        Args:
            rollout_id: Of this rollout only.
            role: Said by this role.
            node: Asked by this node of the graph.
            policy: Said by these weights.
            text: With this in the completion, in upper or lower case.
            error: With an error (`True`) or without one (`False`).
        """
        return list(self.iter_turns(rollout_id, role, node=node, policy=policy, text=text, error=error))

    def iter_turns(
        self,
        rollout_id: str | None = None,
        role: str | None = None,
        *,
        node: str | None = None,
        policy: str | None = None,
        text: str | None = None,
        error: bool | None = None,
    ) -> Iterator[Turn]:
        """The same one by one, for runs that do not fit into memory."""
        where, parameters = self._of(rollout_id)
        for column, value in (("s.role", role), ("s.node", node), ("s.policy", policy)):
            if value is not None:
                where, parameters = f"{where} AND {column} = ?", (*parameters, text_value(value))
        if error is not None:
            where = f"{where} AND t.error IS {'NOT NULL' if error else 'NULL'}"
        if text is not None:
            where = f"{where} AND says(t.completion, ?)"
            parameters = (*parameters, text_value(text))
        yield from read_turns(self._store.database, where, parameters)

    def calls(self, rollout_id: str) -> list[RecordedCall]:
        """Give the model calls of a rollout as they were recorded, by their numbers: what to answer them again."""
        return self._calls.read(self._store.database, rollout_id)

    def turn(self, turn_id: str) -> Turn:
        """Give one turn.

        Raises:
            UserError: There is no such turn.
        """
        found = list(read_turns(self._store.database, "t.id = ?", (turn_id,)))
        if not found:
            raise UserError(f"run {self.name!r} has no turn {turn_id!r}")
        return found[0]

    def rollout(self, rollout_id: str) -> Rollout:
        """Give one rollout, whatever became of it.

        Raises:
            UserError: There is no such rollout.
        """
        found = list(read_rollouts(self._store.database, self.id, "r.id = ?", (rollout_id,)))
        if not found:
            raise UserError(f"run {self.name!r} has no rollout {rollout_id!r}")
        return found[0]

    def graph(self, rollout_id: str) -> "DiGraph[str]":
        """Give a rollout's turns as a graph: an edge leads from each turn to those that build on it.

        Nodes are turn ids in the order they were recorded, with the `Turn` as attribute `turn`.
        """
        return graph_of(self.turns(rollout_id))

    def branches(self, rollout_id: str) -> Iterator[tuple[Turn, ...]]:
        """Give every path of a rollout from a first turn to a last one, one by one; a training sample each.

        Turns with two parents double the paths through them: take some (`itertools.islice`) of a long loop's.
        """
        return branches_of(self.turns(rollout_id))

    def export(self, to: str, **options: Any) -> "Export":
        """Make a data set of the run; see `tutelage.traces.export.export`."""
        from tutelage.traces.export import export

        return export(self, to, **options)

    def copy(self, path: str | Path) -> Path:
        """Copy the run into one file, also while it is being written; `Run.open` reads it.

        Raises:
            StoreError: The file exists or cannot be written.
        """
        return self._store.copy(path)

    def candidates(self, rollout_id: str | None = None) -> list[Candidate]:
        """Give the candidates in the order they were recorded, of one rollout or all that count."""
        return list(read_candidates(self._store.database, *self._of(rollout_id)))

    def candidate(self, candidate_id: str) -> Candidate:
        """Give one candidate.

        Raises:
            UserError: There is no such candidate.
        """
        found = list(read_candidates(self._store.database, "t.id = ?", (candidate_id,)))
        if not found:
            raise UserError(f"run {self.name!r} has no candidate {candidate_id!r}")
        return found[0]

    def scores(self, rollout_id: str | None = None, subject: Subject | None = None) -> list[ScoreRow]:
        """Give the scores in the order they were recorded, of one rollout, of one kind, or all that count."""
        where, parameters = self._of(rollout_id)
        if subject is not None:
            where, parameters = f"{where} AND t.subject = ?", (*parameters, subject)
        return list(read_scores(self._store.database, where, parameters))

    def finished(self) -> set[tuple[str, int]]:
        """Give (task id, repeat) of every rollout that is done or failed: what a resumed run leaves out."""
        return set(self.ends())

    def ends(self) -> dict[tuple[str, int], str]:
        """Give the same with the ids of the rollouts."""
        rows = self._store.database.rows(ENDS)
        return {(value_text(task) or "", repeat): rollout for task, repeat, rollout in rows}

    def tokens(self, *, ended: bool = False) -> dict[str, TokenCount]:
        """Count what every role read and wrote in the rollouts that count; of those that ended, or of all."""
        return {
            value_text(role) or "": TokenCount(
                prompt=prompt, completion=written, turns=turns, unknown=unknown
            )
            for role, prompt, written, turns, unknown in self._store.database.rows(TOKENS, (ended,))
        }

    def summary(self) -> dict[str, Any]:
        """Give the numbers of `report` as plain data (see `tutelage.traces.report.summary`)."""
        return summary(self, self._store.database)

    def report(self) -> str:
        """Tell in a few lines what became of the tasks, how many were right, and what it cost."""
        return report(self.summary())

    def _of(self, rollout_id: str | None) -> tuple[str, tuple[object, ...]]:
        if rollout_id is None:
            return COUNTED, ()
        if not self._store.database.rows("SELECT 1 FROM rollouts WHERE id = ?", (rollout_id,)):
            raise UserError(f"run {self.name!r} has no rollout {rollout_id!r}")
        return "r.id = ?", (rollout_id,)

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


def origin_of(row: tuple[Any, ...]) -> Origin:
    """Read a row of `id`, `name`, `settings` and `created`.

    Raises:
        StoreError: It is damaged.
    """
    id, name, settings, created = row
    try:
        return Origin(
            str(_sure(id)),
            value_text(_sure(name)) or "",
            json.loads(value_text(_sure(settings)) or ""),
            created,
        )
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"the row that names the run is damaged ({error}); restore it from a copy"
        ) from error


def _sure(value: str | bytes | None) -> str | bytes:
    if value is None:
        raise TypeError("it has no value")
    return value
