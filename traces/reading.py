"""Rows to records: how turns, candidates, scores and rollouts are read.

Page by page, so that a long read never keeps a writer waiting. Not covered: which rows are asked for.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from tutelage.errors import StoreError
from tutelage.traces.blobs import bytes_text, fetch, joined, unpack_array, value_text
from tutelage.traces.database import Database
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Turn
from tutelage.types import Sampling, Score, Task

__all__ = ["read_candidates", "read_rollouts", "read_scores", "read_turns"]

PAGE = 500
"""Rows read before the lock is given back."""

Row = tuple[Any, ...]
Record = TypeVar("Record")

TURN_SELECT = """SELECT t.seq, t.completion, t.sampling, t.messages, t.prompt_ids, t.id, r.id, t.role, t.node,
    t.parents, t.call, t.sample, t.finish_reason, t.completion_ids, t.logprobs, t.model, t.policy, t.started,
    t.seconds, t.error, t.metadata FROM turns t JOIN rollouts r ON r.seq = t.rollout"""


def read_turns(database: Database, where: str, parameters: Sequence[object]) -> Iterator[Turn]:
    """Read turns in the order they were recorded; `where` may speak of `t` (turns) and `r` (rollouts)."""
    sql = f"{TURN_SELECT} WHERE {where}"
    return _read(database, sql, "t.seq", parameters, _turn_bodies, _turn)


def read_candidates(database: Database, where: str, parameters: Sequence[object]) -> Iterator[Candidate]:
    """Read candidates in the order they were recorded; `where` may speak of `t` (candidates) and `r`."""
    sql = (
        "SELECT t.seq, t.text, t.id, r.id, t.answer, t.parents, t.turn_id, t.round FROM candidates t"
        f" JOIN rollouts r ON r.seq = t.rollout WHERE {where}"
    )
    return _read(database, sql, "t.seq", parameters, lambda row: [row[1]], _candidate)


def read_scores(database: Database, where: str, parameters: Sequence[object]) -> Iterator[ScoreRow]:
    """Read scores in the order they were recorded; `where` may speak of `t` (scores) and `r`."""
    sql = (
        "SELECT t.seq, r.id, t.subject, t.subject_id, t.name, t.value, t.passed, t.steps, t.feedback"
        f" FROM scores t JOIN rollouts r ON r.seq = t.rollout WHERE {where}"
    )
    return _read(database, sql, "t.seq", parameters, lambda row: [], _score)


def read_rollouts(
    database: Database, run: str, where: str, parameters: Sequence[object]
) -> Iterator[Rollout]:
    """Read rollouts in the order they began; `where` may speak of `r`."""
    sql = (
        "SELECT r.seq, k.body, r.output, r.id, r.repeat, r.status, r.error, r.answer, r.started, r.ended"
        f" FROM rollouts r JOIN tasks k ON k.seq = r.task WHERE {where}"
    )

    def decode(row: Row, bodies: dict[int, bytes]) -> Rollout:
        return Rollout(
            id=row[3],
            run_id=run,
            task=Task.model_validate(_plain(bodies[row[1]])),
            repeat=row[4],
            status=row[5],
            error=value_text(row[6]),
            answer=value_text(row[7]),
            started=row[8],
            ended=row[9],
            output=None if row[2] is None else _plain(bodies[row[2]]),
        )

    return _read(
        database, sql, "r.seq", parameters, lambda row: [n for n in row[1:3] if n is not None], decode
    )


def _read(
    database: Database,
    sql: str,
    order: str,
    parameters: Sequence[object],
    wanted: Callable[[Row], Iterable[int]],
    decode: Callable[[Row, dict[int, bytes]], Record],
) -> Iterator[Record]:
    query = f"{sql} AND {order} > ? ORDER BY {order} LIMIT {PAGE}"
    last = 0
    while True:
        with database.reading() as connection:
            rows = connection.execute(query, (*parameters, last)).fetchall()
            bodies = fetch(connection, (number for row in rows for number in wanted(row)))
        try:
            records = [decode(row, bodies) for row in rows]
        except (ValueError, KeyError) as error:
            raise StoreError(
                f"run {database.where!r} holds a row that cannot be understood: {error}"
            ) from error
        yield from records
        if len(rows) < PAGE:
            return
        last = rows[-1][0]


def _turn_bodies(row: Row) -> list[int]:
    messages, prompt_ids = json.loads(row[3]), json.loads(row[4] or "[]")
    return [row[1], row[2], *messages, *prompt_ids]


def _turn(row: Row, bodies: dict[int, bytes]) -> Turn:
    return Turn(
        completion=bytes_text(bodies[row[1]]),
        sampling=Sampling.model_validate(_plain(bodies[row[2]])),
        messages=tuple(_plain(bodies[number]) for number in json.loads(row[3])),
        prompt_token_ids=None if row[4] is None else joined(bodies[number] for number in json.loads(row[4])),
        id=row[5],
        rollout_id=row[6],
        role=_text(row[7]),
        node=value_text(row[8]),
        parents=_names_back(row[9]),
        call=row[10],
        sample=row[11],
        finish_reason=value_text(row[12]),
        completion_token_ids=None if row[13] is None else unpack_array("i", row[13]),
        logprobs=None if row[14] is None else unpack_array("f", row[14]),
        model=_text(row[15]),
        policy=_text(row[16]),
        started=row[17],
        seconds=row[18],
        error=value_text(row[19]),
        metadata=json.loads(_text(row[20])),
    )


def _candidate(row: Row, bodies: dict[int, bytes]) -> Candidate:
    return Candidate(
        text=bytes_text(bodies[row[1]]),
        id=row[2],
        rollout_id=row[3],
        answer=value_text(row[4]),
        parents=_names_back(row[5]),
        turn_id=value_text(row[6]),
        round=row[7],
    )


def _score(row: Row, bodies: dict[int, bytes]) -> ScoreRow:
    score = Score(
        name=_text(row[4]),
        value=float("nan") if row[5] is None else row[5],
        passed=None if row[6] is None else bool(row[6]),
        steps=None if row[7] is None else unpack_array("d", row[7]),
        feedback=value_text(row[8]),
    )
    return ScoreRow(rollout_id=row[1], subject=row[2], subject_id=_text(row[3]), score=score)


def _plain(raw: bytes) -> Any:
    return json.loads(bytes_text(raw))


def _text(value: str | bytes) -> str:
    return bytes_text(value) if isinstance(value, bytes) else value


def _names_back(value: str | bytes) -> tuple[str, ...]:
    return tuple(json.loads(_text(value)))
