"""Taking a rollout up again that its process left, letting one go on from another's turns, and dropping one for good.

What is on disk is what counts: a rollout that was killed at any moment has all its turns and can be taken up, with its
call numbers going on after the recorded ones, and with what its recorder would remember of its turns read back from
them, so that parents are found and token ids share their beginnings as if it had never stopped. Not covered: where the
graph stood (checkpoints are LangGraph's), calls that were under way (what was not recorded was not said).
"""

import json
from collections.abc import Sequence
from typing import Any

from tutelage.errors import UserError
from tutelage.traces.blobs import bytes_text, content_of, fetch, text_value, value_text
from tutelage.traces.calls import Calls, Sample
from tutelage.traces.prefixes import Sequences, nodes
from tutelage.traces.record import CORRECTION
from tutelage.traces.writing import Rows

__all__ = ["DROPPED", "drop", "recall", "take_up"]

DROPPED = "dropped by a person"
"""How the error of a dropped rollout begins."""

FIND = """SELECT r.seq, r.status, r.error, r.repeat, r.task, k.id FROM rollouts r
    JOIN tasks k ON k.seq = r.task WHERE r.id = ?"""
TAKEN = "SELECT id FROM rollouts WHERE task = ? AND repeat = ? AND status <> 'abandoned' AND seq <> ?"
RUNS = """UPDATE rollouts SET status = 'running', error = NULL, answer = NULL, ended = NULL, output = NULL
    WHERE seq = ?"""
DROP = "UPDATE rollouts SET status = 'abandoned', error = ? WHERE seq = ?"
TURN = "SELECT t.id, t.call, t.prompt, t.completion, t.tool_calls, t.read, t.written, t.error"
OF_ROLLOUT = f"{TURN} FROM turns t WHERE t.rollout = ? ORDER BY t.seq"
BY_ID = f"{TURN} FROM json_each(?) j CROSS JOIN turns t ON t.id = j.value ORDER BY j.key"


def take_up(rows: Rows, rollout_id: str) -> tuple[int, Calls, int]:
    """Set a rollout to running again.

    Returns:
        Its row number, what is remembered of its turns, and the number of its next call.

    Raises:
        UserError: There is none of this id; it is done, failed or dropped; or its task and repeat count already in
            another rollout.
    """
    rows.flush()
    found = rows.connection.execute(FIND, (rollout_id,)).fetchone()
    if found is None:
        raise UserError(f"there is no rollout {rollout_id!r} to take up")
    row, status, error, repeat, task, name = found
    named = f"rollout {rollout_id!r} of task {value_text(name)!r}"
    if status in ("done", "failed"):
        raise UserError(f"{named} is {status}; only one that was left unfinished can be taken up")
    if (value_text(error) or "").startswith(DROPPED):
        raise UserError(f"{named} was {DROPPED}; begin another one")
    if value_text(error) == CORRECTION:
        raise UserError(f"{named} holds a correction, which is no rollout to take up")
    taken = rows.connection.execute(TAKEN, (task, repeat, row)).fetchone()
    if taken is not None:
        raise UserError(f"{named} was run anew as {taken[0]!r} meanwhile; take that up, or begin another one")
    rows.connection.execute(RUNS, (row,))
    turns = rows.connection.execute(OF_ROLLOUT, (row,)).fetchall()
    calls = Calls(row)
    _remember(rows, calls, turns)
    return row, calls, 1 + max((turn[1] for turn in turns), default=-1)


def drop(rows: Rows, rollout_id: str) -> None:
    """Set a rollout, whatever became of it, to abandoned, so that it counts no longer; its answer and output stay.

    Raises:
        UserError: There is none of this id.
    """
    rows.flush()
    found = rows.connection.execute(FIND, (rollout_id,)).fetchone()
    if found is None:
        raise UserError(f"there is no rollout {rollout_id!r} to drop")
    row, _, error = found[:3]
    known = value_text(error)
    if known is None or not known.startswith(DROPPED):
        why = DROPPED if known is None else f"{DROPPED} (before: {known})"
        rows.connection.execute(DROP, (text_value(why), row))


def recall(rows: Rows, calls: Calls, turn_ids: Sequence[str]) -> None:
    """Let a rollout remember turns of others as said before its own, in the order in which they are given.

    Turns that many rollouts follow one after the other, as samples from one point do, are read once.

    Raises:
        UserError: There is no such turn.
    """
    wanted = tuple(turn_ids)
    rows.flush()
    if rows.recalled is None or rows.recalled[0] != wanted:
        rows.recalled = wanted, _read(rows, wanted)
    calls.follow(rows.recalled[1])


def _read(rows: Rows, turn_ids: Sequence[str]) -> Calls:
    """What a rollout would remember that had said these turns."""
    found = rows.connection.execute(BY_ID, (json.dumps(list(turn_ids)),)).fetchall()
    missing = set(turn_ids) - {turn[0] for turn in found}
    if missing:
        raise UserError(f"there is no turn {min(missing)!r} to follow")
    calls = Calls(0)
    _remember(rows, calls, found)
    return calls


def _remember(rows: Rows, calls: Calls, turns: list[tuple[Any, ...]]) -> None:
    prompts = _prompts(rows, [turn[2] for turn in turns if turn[2] is not None])
    said = fetch(rows.connection, (number for turn in turns for number in turn[3:5] if number is not None))
    sequences = Sequences(rows.connection, (n for turn in turns for n in turn[5:7] if n is not None))
    for id, _, prompt, completion, tool_calls, read, written, error in turns:
        if error is not None:
            continue
        text = bytes_text(said[completion])
        sample = Sample(text, tool_calls=() if tool_calls is None else content_of(said[tool_calls]), id=id)
        place = (None if prompt is None else prompts[prompt], rows.recall_text(text, completion))
        calls.remember(sample, place, _whole(sequences, read, written))


def _whole(sequences: Sequences, read: int | None, written: int | None) -> tuple[int | None, bytes | None]:
    """The sequence that a turn ended with, and all its ids; the prompt's alone where its own are not known."""
    if read is None:
        return written, None
    own = None if written is None else sequences.own(written)
    ids = sequences.whole(read)
    return (read, ids) if own is None else (written, ids + own)


def _prompts(rows: Rows, leaves: list[int]) -> dict[int, int]:
    """Remember the messages that lead to these; give the number by which each is known from now on.

    A short text may have been kept more than once, and so may the messages that say it; of these one is meant.
    """
    found = nodes(rows.connection, "messages", "role, body", leaves)
    bodies = fetch(rows.connection, (node[2] for node in found.values()))
    known: dict[int, int] = {}
    for number in sorted(found):
        parent, role, body = found[number]
        raw = bodies[body]
        place = rows.recall_body(raw, body) if role is None else rows.recall_text(bytes_text(raw), body)
        key = (None if parent is None else known[parent], value_text(role), place)
        known[number] = rows.recall_message(key, number)
    return known
