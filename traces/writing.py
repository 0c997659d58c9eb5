"""Records to rows: how turns, candidates, scores and tasks are written.

A turn takes two steps, so that hashing happens outside the lock: `encode_turn`, then `insert_turn`. Not
covered: the way back (`tutelage.traces.reading`) and when a transaction begins and ends.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

from tutelage.traces.blobs import (
    Body,
    body,
    chunks,
    json_text,
    pack_array,
    put,
    text_bytes,
    text_value,
)
from tutelage.traces.record import Candidate, ScoreRow, Turn
from tutelage.types import Task

__all__ = [
    "EncodedTurn",
    "encode_turn",
    "insert_candidate",
    "insert_score",
    "insert_turn",
    "json_body",
    "task_row",
]

Row = tuple[Any, ...]

TURN_INSERT = """INSERT INTO turns (completion, sampling, messages, prompt_ids, id, rollout, role, node,
    parents, call, sample, finish_reason, prompt_tokens, completion_ids, completion_tokens, logprobs, model,
    policy, started, seconds, error, metadata)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


@dataclass(frozen=True, slots=True)
class EncodedTurn:
    """A turn as bytes, ready to be written."""

    completion: Body
    sampling: Body
    messages: tuple[Body, ...]
    prompt_ids: tuple[Body, ...] | None
    head: Row
    """The columns from `id` to `parents`, without the rollout."""
    tail: Row
    """The columns from `call` to `metadata`."""


def json_body(value: object, what: str) -> Body:
    """Hash plain data as JSON.

    Raises:
        UserError: It is not plain data.
    """
    return body(text_bytes(json_text(value, what)))


def encode_turn(turn: Turn) -> EncodedTurn:
    """Hash and pack a turn."""
    prompt, written, logprobs = turn.prompt_token_ids, turn.completion_token_ids, turn.logprobs
    tail = (
        turn.call,
        turn.sample,
        text_value(turn.finish_reason),
        None if prompt is None else len(prompt),
        None if written is None else pack_array("i", written),
        None if written is None else len(written),
        None if logprobs is None else pack_array("f", logprobs),
        text_value(turn.model),
        text_value(turn.policy),
        turn.started,
        turn.seconds,
        text_value(turn.error),
        text_value(json_text(turn.metadata, "a turn's metadata")),
    )
    return EncodedTurn(
        completion=body(text_bytes(turn.completion)),
        sampling=json_body(turn.sampling.model_dump(), "a turn's sampling"),
        messages=tuple(json_body(message, "a turn's message") for message in turn.messages),
        prompt_ids=None if prompt is None else tuple(chunks(prompt)),
        head=(turn.id, text_value(turn.role), text_value(turn.node), _names(turn.parents)),
        tail=tail,
    )


def insert_turn(connection: Connection, rollout: int, turn: EncodedTurn) -> None:
    """Append a turn to a rollout, given by its row number."""
    prompt_ids = (
        None if turn.prompt_ids is None else json.dumps([put(connection, b) for b in turn.prompt_ids])
    )
    bodies = (
        put(connection, turn.completion),
        put(connection, turn.sampling),
        json.dumps([put(connection, b) for b in turn.messages]),
        prompt_ids,
    )
    connection.execute(TURN_INSERT, (*bodies, turn.head[0], rollout, *turn.head[1:], *turn.tail))


def insert_candidate(connection: Connection, rollout: int, candidate: Candidate) -> None:
    """Append a candidate to a rollout, given by its row number."""
    connection.execute(
        "INSERT INTO candidates (id, rollout, text, answer, parents, turn_id, round)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            candidate.id,
            rollout,
            put(connection, body(text_bytes(candidate.text))),
            text_value(candidate.answer),
            _names(candidate.parents),
            text_value(candidate.turn_id),
            candidate.round,
        ),
    )


def insert_score(connection: Connection, rollout: int, row: ScoreRow) -> None:
    """Append a score to a rollout, given by its row number."""
    score = row.score
    connection.execute(
        "INSERT INTO scores (rollout, subject, subject_id, name, value, passed, steps, feedback)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            rollout,
            row.subject,
            text_value(row.subject_id),
            text_value(score.name),
            score.value,
            score.passed,
            None if score.steps is None else pack_array("d", score.steps),
            text_value(score.feedback),
        ),
    )


def task_row(connection: Connection, task: Task, content: Body) -> int | None:
    """Give the task's row number, adding it where it is new; `None` where its id is taken by another task."""
    name = text_value(task.id)
    number = put(connection, content)
    row = connection.execute("SELECT seq, body FROM tasks WHERE id = ?", (name,)).fetchone()
    if row is None:
        sql = "INSERT INTO tasks (id, body) VALUES (?, ?) RETURNING seq"
        row = (*connection.execute(sql, (name, number)).fetchone(), number)
    return int(row[0]) if row[1] == number else None


def _names(names: Sequence[str]) -> str | bytes | None:
    return text_value(json_text(names, "a list of parents"))
