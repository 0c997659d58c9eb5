"""What was taught, as rows have it: of a turn what counts of what a person or a teacher said.

A label is the turn's own score. An answer that is right for the prompt of another turn is trained on that prompt.
Not covered: how lessons are kept (`tutelage.traces.lessons`), pairs (`tutelage.traces.export.taught_pairs`).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tutelage.traces.export.columns import Column
from tutelage.traces.export.own_score import OwnScore
from tutelage.traces.export.story import Story, TurnView
from tutelage.traces.lessons import Note, note_of

__all__ = ["COLUMNS", "Taught", "author_of", "note", "score_of", "step_labels", "taught", "told", "values"]

COLUMNS = tuple(Column(name) for name in ("author", "lesson", "taught_by", "parent_turn_id"))
"""Lineage of what was taught. `author` is "policy" where a model sampled the completion, else who wrote it;
`parent_turn_id` is the turn that a correction corrects, or else the one whose prompt the completion is trained on."""
POLICY = "policy"
TOLD = {
    "accept": "rows were accepted",
    "reject": "rows were rejected",
    "correct": "rows come of corrections",
    "rank": "rows come of rankings",
    "step": "rows have steps judged",
    "teach": "rows come of a better branch",
}


class Taught(NamedTuple):
    """What a row is made of."""

    kind: str
    """A `LessonKind`."""
    by: str
    asked: TurnView | None = None
    """The turn whose prompt is trained on, where that is not the example's own."""
    corrects: str | None = None
    """The turn that a correction corrects."""


def note(story: Story, turn: TurnView) -> Note:
    """Give what counts of what was said of a turn."""
    said = story.scores.get(turn.id)
    return Note() if said is None else note_of(said.views)


def score_of(said: Note) -> OwnScore:
    """Give a label as a turn's own score."""
    if said.label is None:
        return OwnScore(None, None, None)
    return OwnScore(float(said.label.right), said.label.right, "turn")


def taught(story: Story, said: Note) -> Taught | None:
    """Give what a turn's row is made of; `None` where the prompt that it is right for is not on record."""
    label = said.label
    if label is None:
        by = next(iter(said.over.values())).by if said.over else said.steps_by
        return Taught("rank" if said.over else "step", by)
    asked = None if label.prompt is None else story.known.get(label.prompt)
    if label.prompt is not None and asked is None:
        return None
    kind = "correct" if label.kind == "corrected" else label.kind
    return Taught(kind, label.by, asked, label.turn if label.kind == "correct" else None)


def step_labels(said: Sequence[float]) -> list[float]:
    """Give the labels of a solution's first steps, up to the last one that something was said of.

    Where nothing was said of a step before, it is right, as whoever points out a step has read that far; but not
    after a wrong one, where the labels end.
    """
    last = max((at for at, value in enumerate(said) if not math.isnan(value)), default=-1)
    found: list[float] = []
    for value in said[: last + 1]:
        if math.isnan(value) and 0.0 in found:
            break
        found.append(1.0 if math.isnan(value) else value)
    return found


def author_of(turn: TurnView) -> str:
    """Say who wrote a turn's completion."""
    return turn.speaker.author or POLICY


def values(turn: TurnView, lesson: Taught | None) -> tuple[str | None, ...]:
    """Give the values of the columns of a row."""
    if lesson is None:
        return author_of(turn), None, None, None
    parent = lesson.corrects or (lesson.asked.id if lesson.asked is not None else None)
    return author_of(turn), lesson.kind, lesson.by, parent


def told(turn: TurnView | None, lesson: Taught) -> list[str]:
    """Say for the report where a row comes from."""
    said = [f"{TOLD.get(lesson.kind, 'rows were taught')} by {lesson.by}"]
    if turn is not None and turn.speaker.author is not None:
        said.append(f"rows hold an answer that no model sampled: written by {turn.speaker.author}")
    return said
