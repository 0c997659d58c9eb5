"""Corrections: the turn that says what another one should have said, and taking it back.

Not covered: when a correction is made (`tutelage.graphs.debugging.teaching`).
"""

import time
from typing import Any, get_args

from tutelage.traces import Candidate, Run, Turn
from tutelage.traces.ids import new_id
from tutelage.traces.lesson_writing import LessonWriter
from tutelage.traces.lessons import Who

__all__ = ["UNSAID", "candidate_of", "corrected", "correction", "withdraw", "withdraw_corrections"]

UNSAID = float("nan")
"""The label of a step that nothing is said of."""


def corrected(turn: Turn) -> str | None:
    """Give the turn that a turn corrects."""
    corrects = turn.metadata.get("corrects")
    return corrects if isinstance(corrects, str) and turn.author in get_args(Who) else None


def withdraw(writer: LessonWriter, turn_id: str, who: Who) -> None:
    """Take back what was said of a turn."""
    note = writer.note(turn_id)
    if note.label is not None:
        writer.label(turn_id, None, who)
    if note.over:
        writer.over(turn_id, {}, who)
    if note.steps:
        writer.steps(turn_id, [UNSAID] * len(note.steps), who)


def withdraw_corrections(writer: LessonWriter, turn_id: str, who: Who) -> None:
    """Take the corrections of a turn back, and what they say of it."""
    for other in writer.naming(turn_id):
        label = writer.note(other).label
        if label is not None and label.kind == "correct" and label.turn == turn_id:
            withdraw(writer, other, who)
    label = writer.note(turn_id).label
    if label is not None and label.kind == "corrected":
        writer.label(turn_id, None, who)


def correction(turn: Turn, text: str, who: Who, ids: tuple[int, ...] | None) -> Turn:
    """The turn that says what another one should have said."""
    changes: dict[str, Any] = {
        "id": new_id(),
        "rollout_id": new_id(),
        "call": 0,
        "sample": 0,
        "samples": 1,
        "completion": text,
        "tool_calls": (),
        "author": who,
        "finish_reason": None,
        "completion_token_ids": ids,
        "logprobs": None,
        "started": time.time(),
        "seconds": 0.0,
        "error": None,
        "metadata": {"corrects": turn.id},
    }
    return turn.model_copy(update=changes)


def candidate_of(run: Run, turn: Turn, made: Turn) -> Candidate | None:
    """The candidate that a correction is, where the turn that it corrects wrote one."""
    for candidate in run.candidates(turn.rollout_id):
        if candidate.turn_id == turn.id:
            return Candidate(
                id=new_id(),
                rollout_id=made.rollout_id,
                text=made.completion,
                parents=(candidate.id,),
                turn_id=made.id,
                round=candidate.round,
            )
    return None
