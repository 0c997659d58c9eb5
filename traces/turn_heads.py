"""Turns without their weight: heads for a list, texts in parts, tokens by the slice.

`Run.turn` gives all of a turn at once, which for a message of ten megabytes takes seconds; what is read here is in
proportion to what is shown. Lengths and offsets of texts count characters. Not covered: which texts tokens have.
"""

import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Any

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.traces.arrays import WIDTH, ids_of, logprobs_of
from tutelage.traces.blobs import bytes_text, content_of, fetch, unpack, value_text
from tutelage.traces.overview import database_of
from tutelage.traces.prefixes import Conversations, Sequences
from tutelage.traces.record import Message
from tutelage.traces.run import Run
from tutelage.types import Data

__all__ = [
    "TokenSlice",
    "TurnHead",
    "completion_of",
    "has_turn",
    "head_of",
    "heads",
    "messages_of",
    "offered_to",
    "prompt_ids",
    "token_slice",
]

PREVIEW = 300
"""Characters."""

HEAD = """SELECT t.id, r.id, s.role, s.node, s.model, s.policy, s.author, t.parents, t.call, t.sample, t.samples,
    t.started, t.seconds, t.prompt_tokens, t.completion_tokens, t.finish_reason, t.error, t.metadata,
    b.data, t.tool_calls IS NOT NULL, t.written IS NOT NULL, m.data
    FROM turns t JOIN rollouts r ON r.seq = t.rollout JOIN speakers s ON s.id = t.speaker
    JOIN bodies b ON b.id = t.completion JOIN bodies m ON m.id = s.sampling WHERE {} ORDER BY t.seq"""


class TurnHead(Data):
    """A turn as a list shows it; the fields of `Turn` mean the same there."""

    id: str
    rollout_id: str
    role: str
    node: str | None
    model: str
    policy: str
    author: str | None
    parents: tuple[str, ...]
    call: int
    sample: int
    samples: int
    started: float
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str | None
    error: str | None
    metadata: Mapping[str, JsonValue]
    preview: str
    """How the completion begins."""
    size: int
    """Characters of the completion."""
    calls_tools: bool
    has_tokens: bool
    """The ids of the completion's tokens are on record."""
    sampling: Mapping[str, JsonValue]


class TokenSlice(Data):
    """Some tokens of a turn; what is not on record is `None`."""

    prompt_total: int | None
    prompt: tuple[int, ...]
    """The first ids of the prompt, or those from the offset on."""
    total: int | None
    ids: tuple[int, ...]
    """Ids of the completion, from the offset on."""
    logprobs: tuple[float, ...] | None
    """Of these ids."""
    least_likely: tuple[tuple[int, int, float], ...]
    """Place, id and log-probability of the most surprising tokens of the whole completion, the most surprising first."""


def heads(run: Run, rollout_id: str) -> list[TurnHead]:
    """Give the heads of a rollout's turns in the order they were recorded."""
    return _heads(run, "r.id = ?", rollout_id)


def head_of(run: Run, turn_id: str) -> TurnHead:
    """Give the head of one turn.

    Raises:
        UserError: There is no such turn.
    """
    found = _heads(run, "t.id = ?", turn_id)
    if not found:
        raise UserError(f"run {run.name!r} has no turn {turn_id!r}")
    return found[0]


def has_turn(run: Run, turn_id: str) -> bool:
    """Whether a run has a turn of this id."""
    return bool(database_of(run).rows("SELECT 1 FROM turns WHERE id = ?", (turn_id,)))


def completion_of(run: Run, turn_id: str) -> tuple[str, Sequence[Mapping[str, JsonValue]]]:
    """Give what a turn said: its text and the tools it called."""
    with database_of(run).reading() as connection:
        text, calls = _turn(connection, run, turn_id, "completion, tool_calls")
        bodies = fetch(connection, [each for each in (text, calls) if each is not None])
    return bytes_text(bodies[text]), () if calls is None else tuple(content_of(bodies[calls]))


def messages_of(run: Run, turn_id: str) -> tuple[Message, ...]:
    """Give a turn's prompt."""
    with database_of(run).reading() as connection:
        (leaf,) = _turn(connection, run, turn_id, "prompt")
        if leaf is None:
            return ()
        prompts = Conversations(connection, [leaf])
        return prompts.at(leaf, fetch(connection, prompts.bodies))


def offered_to(run: Run, turn_id: str) -> Mapping[str, JsonValue]:
    """Give the tools that a turn was offered, as `tools` and `tool_choice`; nothing where there were none."""
    with database_of(run).reading() as connection:
        (speaker,) = _turn(connection, run, turn_id, "speaker")
        (tools,) = connection.execute("SELECT tools FROM speakers WHERE id = ?", (speaker,)).fetchone()
        return {} if tools is None else content_of(fetch(connection, [tools])[tools])


def prompt_ids(run: Run, turn_id: str, limit: int) -> tuple[int, ...] | None:
    """Give the first token ids of a turn's prompt; `None` where they are not on record."""
    with database_of(run).reading() as connection:
        (read,) = _turn(connection, run, turn_id, "read")
        if read is None:
            return None
        return ids_of(_cut(Sequences(connection, [read]).whole(read), 0, limit))


def token_slice(run: Run, turn_id: str, offset: int, limit: int, surprising: int = 20) -> TokenSlice:
    """Give tokens of a turn.

    Args:
        run: An open run.
        turn_id: The turn.
        offset: The first token, of prompt and of completion alike.
        limit: How many of each.
        surprising: How many of the least likely tokens of all.
    """
    with database_of(run).reading() as connection:
        read, written = _turn(connection, run, turn_id, "read, written")
        sequences = Sequences(connection, [each for each in (read, written) if each is not None])
    prompt = None if read is None else sequences.whole(read)
    ids = None if written is None else sequences.own(written)
    logprobs = None if written is None else sequences.logprobs(written)
    return TokenSlice(
        prompt_total=None if prompt is None else len(prompt) // WIDTH,
        prompt=() if prompt is None else ids_of(_cut(prompt, offset, limit)),
        total=None if ids is None else len(ids) // WIDTH,
        ids=() if ids is None else ids_of(_cut(ids, offset, limit)),
        logprobs=None if logprobs is None else logprobs_of(_cut(logprobs, offset, limit)),
        least_likely=_least_likely(ids, logprobs, surprising),
    )


def _heads(run: Run, where: str, value: str) -> list[TurnHead]:
    return [_head(row) for row in database_of(run).rows(HEAD.format(where), (value,))]


def _head(row: tuple[Any, ...]) -> TurnHead:
    text = bytes_text(unpack(row[18]))
    return TurnHead.model_construct(
        id=row[0],
        rollout_id=row[1],
        role=value_text(row[2]) or "",
        node=value_text(row[3]),
        model=value_text(row[4]) or "",
        policy=value_text(row[5]) or "",
        author=value_text(row[6]),
        parents=tuple(json.loads(value_text(row[7]) or "[]")),
        call=row[8],
        sample=row[9],
        samples=row[10],
        started=row[11],
        seconds=row[12],
        prompt_tokens=row[13],
        completion_tokens=row[14],
        finish_reason=value_text(row[15]),
        error=value_text(row[16]),
        metadata=json.loads(value_text(row[17]) or "{}"),
        preview=text[:PREVIEW],
        size=len(text),
        calls_tools=bool(row[19]),
        has_tokens=bool(row[20]),
        sampling=content_of(unpack(row[21])),
    )


def _turn(connection: Connection, run: Run, turn_id: str, columns: str) -> tuple[Any, ...]:
    row = connection.execute(f"SELECT {columns} FROM turns WHERE id = ?", (turn_id,)).fetchone()
    if row is None:
        raise UserError(f"run {run.name!r} has no turn {turn_id!r}")
    return tuple(row)


def _cut(raw: bytes, offset: int, limit: int) -> bytes:
    return raw[offset * WIDTH : (offset + limit) * WIDTH]


def _least_likely(
    ids: bytes | None, logprobs: bytes | None, count: int
) -> tuple[tuple[int, int, float], ...]:
    if ids is None or logprobs is None:
        return ()
    import numpy

    found = numpy.frombuffer(logprobs, "<f4")
    places = numpy.argsort(found, kind="stable")[:count]
    numbers = numpy.frombuffer(ids, "<i4")
    return tuple((int(at), int(numbers[at]), float(found[at])) for at in places)
