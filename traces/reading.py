"""Rows to records: how turns, candidates, scores and rollouts are read.

Page by page, so that a long read never keeps a writer waiting. Not covered: which rows are asked for.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from sqlite3 import Connection
from typing import Any, TypeVar

from tutelage.errors import StoreError
from tutelage.traces.arrays import ids_of, logprobs_of, steps_of
from tutelage.traces.blobs import bytes_text, content_of, fetch, value_text
from tutelage.traces.database import Database
from tutelage.traces.prefixes import Conversations, Sequences
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Turn
from tutelage.types import Sampling, Score, Task

__all__ = ["read_candidates", "read_rollouts", "read_scores", "read_turns"]

PAGE = 500
"""Rows read before the lock is given back."""

Row = tuple[Any, ...]
Record = TypeVar("Record")

TURN_SELECT = """SELECT t.seq, t.completion, t.tool_calls, s.sampling, s.tools, t.prompt, t.read, t.written,
    t.id, r.id, s.role, s.node, t.parents, t.call, t.samples, t.sample, t.finish_reason, s.model, s.policy,
    s.author, t.started, t.seconds, t.error, t.metadata
    FROM turns t JOIN rollouts r ON r.seq = t.rollout JOIN speakers s ON s.id = t.speaker"""


def read_turns(database: Database, where: str, parameters: Sequence[object]) -> Iterator[Turn]:
    """Read turns in the order they were recorded; `where` may speak of `t` (turns), `s` (speakers) and `r`."""
    return _read(database, f"{TURN_SELECT} WHERE {where}", "t.seq", parameters, _turns)


def read_candidates(database: Database, where: str, parameters: Sequence[object]) -> Iterator[Candidate]:
    """Read candidates in the order they were recorded; `where` may speak of `t` (candidates) and `r`."""
    sql = (
        "SELECT t.seq, t.text, t.id, r.id, t.answer, t.parents, t.turn_id, t.round FROM candidates t"
        f" JOIN rollouts r ON r.seq = t.rollout WHERE {where}"
    )
    return _read(database, sql, "t.seq", parameters, _each(lambda row: [row[1]], _candidate))


def read_scores(database: Database, where: str, parameters: Sequence[object]) -> Iterator[ScoreRow]:
    """Read scores in the order they were recorded; `where` may speak of `t` (scores) and `r`."""
    sql = (
        "SELECT t.seq, r.id, t.subject, t.subject_id, t.name, t.value, t.passed, t.steps, t.feedback,"
        " t.given"
        f" FROM scores t JOIN rollouts r ON r.seq = t.rollout WHERE {where}"
    )
    return _read(database, sql, "t.seq", parameters, _each(lambda row: [], _score))


def read_rollouts(
    database: Database, run: str, where: str, parameters: Sequence[object]
) -> Iterator[Rollout]:
    """Read rollouts in the order they began; `where` may speak of `r`."""
    sql = (
        "SELECT r.seq, k.body, r.output, r.id, r.repeat, r.status, r.error, r.answer, r.started, r.ended, h.id"
        " FROM rollouts r JOIN tasks k ON k.seq = r.task LEFT JOIN shards h ON h.seq = r.shard"
        f" WHERE {where}"
    )

    def decode(row: Row, bodies: dict[int, bytes]) -> Rollout:
        return Rollout(
            id=row[3],
            run_id=row[10] or run,
            task=Task.model_validate(content_of(bodies[row[1]])),
            repeat=row[4],
            status=row[5],
            error=value_text(row[6]),
            answer=value_text(row[7]),
            started=row[8],
            ended=row[9],
            output=None if row[2] is None else content_of(bodies[row[2]]),
        )

    return _read(
        database, sql, "r.seq", parameters, _each(lambda row: [n for n in row[1:3] if n is not None], decode)
    )


def _read(
    database: Database,
    sql: str,
    order: str,
    parameters: Sequence[object],
    decode: Callable[[Connection, list[Row]], list[Record]],
) -> Iterator[Record]:
    query = f"{sql} AND {order} > ? ORDER BY {order} LIMIT {PAGE}"
    last = 0
    while True:
        with database.reading() as connection:
            rows = connection.execute(query, (*parameters, last)).fetchall()
            try:
                records = decode(connection, rows)
            except (ValueError, TypeError, LookupError, zlib.error) as error:
                first = str(error).partition("\n")[0]
                raise StoreError(
                    f"run {database.where!r} holds a row that cannot be understood: {first}"
                ) from error
        yield from records
        if len(rows) < PAGE:
            return
        last = rows[-1][0]


def _each(
    wanted: Callable[[Row], Iterable[int]], decode: Callable[[Row, dict[int, bytes]], Record]
) -> Callable[[Connection, list[Row]], list[Record]]:
    """Decode row by row, once the bodies that the rows want are read."""

    def page(connection: Connection, rows: list[Row]) -> list[Record]:
        bodies = fetch(connection, (number for row in rows for number in wanted(row)))
        return [decode(row, bodies) for row in rows]

    return page


def _turns(connection: Connection, rows: list[Row]) -> list[Turn]:
    prompts = Conversations(connection, (row[5] for row in rows if row[5] is not None))
    sequences = Sequences(connection, (n for row in rows for n in row[6:8] if n is not None))
    bodies = fetch(connection, [*(n for row in rows for n in row[1:5] if n is not None), *prompts.bodies])
    return [_turn(row, bodies, prompts, sequences) for row in rows]


def _turn(row: Row, bodies: dict[int, bytes], prompts: Conversations, sequences: Sequences) -> Turn:
    written = None if row[7] is None else sequences.own(row[7])
    logprobs = None if row[7] is None else sequences.logprobs(row[7])
    tools = {} if row[4] is None else content_of(bodies[row[4]])
    return Turn(
        completion=bytes_text(bodies[row[1]]),
        tool_calls=() if row[2] is None else content_of(bodies[row[2]]),
        sampling=Sampling.model_validate(content_of(bodies[row[3]])),
        **tools,
        messages=prompts.at(row[5], bodies),
        prompt_token_ids=None if row[6] is None else ids_of(sequences.whole(row[6])),
        completion_token_ids=None if written is None else ids_of(written),
        logprobs=None if logprobs is None else logprobs_of(logprobs),
        id=row[8],
        rollout_id=row[9],
        role=_text(row[10]),
        node=value_text(row[11]),
        parents=_names_back(row[12]),
        call=row[13],
        samples=row[14],
        sample=row[15],
        finish_reason=value_text(row[16]),
        model=_text(row[17]),
        policy=_text(row[18]),
        author=value_text(row[19]),
        started=row[20],
        seconds=row[21],
        error=value_text(row[22]),
        metadata={} if row[23] is None else json.loads(_text(row[23])),
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
        steps=None if row[7] is None else steps_of(row[7]),
        feedback=value_text(row[8]),
    )
    return ScoreRow(rollout_id=row[1], subject=row[2], subject_id=_text(row[3]), score=score, given=row[9])


def _text(value: str | bytes) -> str:
    return bytes_text(value) if isinstance(value, bytes) else value


def _names_back(value: str | bytes | None) -> tuple[str, ...]:
    return () if value is None else tuple(json.loads(_text(value)))
