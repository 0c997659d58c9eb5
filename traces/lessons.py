"""Lessons as they are on record: what a person or a teacher said of turns.

Three scores of a turn hold them, under names of their own, of each the latest counts: `taught` (is it right?),
`taught_over` (which turns it is better than) and `taught_steps` (which of its steps are right; not a number where
nothing was said). Their feedback is JSON: by whom, and of what kind. Nothing takes them for a verifier's.

A correction is a turn of its own, by its author, in a rollout that holds nothing else and never counts: it is
abandoned, with `tutelage.traces.record.CORRECTION` as its error, so that no report, evaluation, export or resumed run
sees it unless lessons are asked for. Not covered: writing them (`tutelage.traces.lesson_writing`), what may be said
(`tutelage.graphs.debugging.teaching`), and rows of it (`tutelage.traces.export.taught`).
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from tutelage.traces.blobs import value_text
from tutelage.traces.reading import read_scores, read_turns
from tutelage.traces.record import ScoreRow, Turn
from tutelage.traces.run import Run
from tutelage.types import Data

__all__ = [
    "LABEL",
    "NAMED",
    "NAMES",
    "OVER",
    "STEPS",
    "Label",
    "Lesson",
    "LessonKind",
    "Note",
    "Preference",
    "Who",
    "lessons",
    "note_of",
    "rows_of",
]

LABEL, OVER, STEPS = NAMES = ("taught", "taught_over", "taught_steps")
"""The names of the scores that hold lessons."""
NAMED = ", ".join(f"'{name}'" for name in NAMES)
"""The same for SQL."""
AT_ONCE = 500
"""Turns asked for in one query."""

Who: TypeAlias = Literal["person", "teacher"]
LessonKind: TypeAlias = Literal["accept", "reject", "correct", "rank", "step", "teach"]

SAID = f"t.subject = 'turn' AND t.name IN ({NAMED})"
OF_TURNS = "t.rollout IN (SELECT rollout FROM turns WHERE id IN ({0})) AND t.subject_id IN ({0})"
TASKS = "SELECT r.id, k.id FROM rollouts r JOIN tasks k ON k.seq = r.task WHERE r.id IN ({0})"


class Lesson(Data):
    """Something that was said of a turn, and counts."""

    kind: LessonKind
    turn_id: str
    """The turn it is about; of a correction the one that was corrected."""
    rollout_id: str
    task_id: str
    role: str
    text: str | None = None
    """What a correction says instead."""
    others: tuple[str, ...] = ()
    """Of a correction the new turn; else the turns that this one is better than."""
    steps: tuple[tuple[int, bool], ...] = ()
    """Numbers of steps, from 1, and whether each is right."""
    prompt_turn_id: str | None = None
    """The turn whose prompt the answer is trained on, where that is not its own."""
    given: float
    """Unix time in seconds."""
    who: Who
    rows: tuple[str, ...]
    """The formats that get rows of it."""


class Label(NamedTuple):
    """Whether a turn is right, as somebody said."""

    right: bool
    kind: str
    """A `LessonKind`, or "corrected" for the turn that a correction replaces."""
    by: Who
    prompt: str | None = None
    """The turn whose prompt it is right for, where that is not its own."""
    turn: str | None = None
    """Of a correction the turn that was corrected, and the other way round."""


class Preference(NamedTuple):
    """Why a turn is better than another."""

    kind: str
    by: Who
    prompt: str | None = None
    """The turn whose prompt both are compared on, where that is not the better one's own."""


class Note(NamedTuple):
    """All that counts of what was said of a turn."""

    label: Label | None = None
    over: Mapping[str, Preference] = {}
    """The turns that it is better than, by id."""
    steps: Sequence[float] = ()
    """1 or 0 a step, not a number where nothing was said; empty where nothing was said of any."""
    steps_by: Who = "person"


class Told(Protocol):
    """A score, however it was read."""

    @property
    def passed(self) -> bool | None:
        """Right or wrong."""

    @property
    def steps(self) -> Sequence[float] | None:
        """One value a step."""

    @property
    def feedback(self) -> str | None:
        """JSON."""


def note_of(scores: Mapping[str, Told]) -> Note:
    """Understand the latest scores of a turn, by name; one that holds no lesson says nothing."""
    label, over, steps = (_told(scores.get(name)) for name in NAMES)
    note = Note()
    right = scores[LABEL].passed if label else None
    if right is not None:
        known = Label(right, label["kind"], label["by"], label.get("prompt"), label.get("turn"))
        note = note._replace(label=known)
    if over:
        note = note._replace(over={turn: Preference(**each) for turn, each in over["over"].items()})
    said = scores[STEPS].steps if steps else None
    if steps and said and not all(map(math.isnan, said)):
        note = note._replace(steps=said, steps_by=steps["by"])
    return note


def _told(score: Told | None) -> dict[str, Any]:
    try:
        told = json.loads(score.feedback or "") if score is not None else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) and "by" in told else {}


def lessons(run: Run, turn_ids: Iterable[str] | None = None) -> list[Lesson]:
    """Give what was said of turns and counts, in the order in which it was said.

    Args:
        run: An open run.
        turn_ids: Only what is kept with these turns; a correction is kept with the turn that it made.
    """
    latest: dict[str, dict[str, ScoreRow]] = {}
    for row in sorted(_rows(run, turn_ids), key=lambda row: row.given or 0.0):
        latest.setdefault(row.subject_id, {})[row.score.name] = row
    notes = {
        turn: note_of({name: row.score for name, row in scores.items()}) for turn, scores in latest.items()
    }
    notes = {turn: note for turn, note in notes.items() if note != Note()}
    corrected = [note.label.turn for note in notes.values() if note.label and note.label.turn]
    about = _About(run, list({*notes, *corrected}))
    found = [lesson for turn, note in notes.items() for lesson in about.lessons(turn, note, latest[turn])]
    return sorted(found, key=lambda lesson: lesson.given)


def _rows(run: Run, turn_ids: Iterable[str] | None) -> Iterator[ScoreRow]:
    """Give the scores that hold lessons: all, or those of some turns, found by their rollouts."""
    if turn_ids is None:
        yield from read_scores(run._store.database, SAID, ())
        return
    for some in _some(list(dict.fromkeys(turn_ids))):
        marks = ", ".join("?" * len(some))
        where = OF_TURNS.format(marks)
        yield from read_scores(run._store.database, f"{SAID} AND {where}", (*some, *some))


class _About:
    """Turns that something was said of, and their tasks."""

    def __init__(self, run: Run, turn_ids: Sequence[str]) -> None:
        database = run._store.database
        self._turns: dict[str, Turn] = {}
        self._tasks: dict[str, str] = {}
        for some in _some(turn_ids):
            where = f"t.id IN ({', '.join('?' * len(some))})"
            self._turns |= {turn.id: turn for turn in read_turns(database, where, some)}
        for some in _some(sorted({turn.rollout_id for turn in self._turns.values()})):
            rows = database.rows(TASKS.format(", ".join("?" * len(some))), some)
            self._tasks |= {rollout: value_text(task) or "" for rollout, task in rows}

    def lessons(self, turn_id: str, note: Note, scores: Mapping[str, ScoreRow]) -> Iterator[Lesson]:
        """Give the lessons of a turn; one whose turn is missing teaches nothing."""
        turn = self._turns.get(turn_id)
        if turn is None:
            return
        label, of_kind = note.label, _by_kind(note.over)
        given = {name: row.given or 0.0 for name, row in scores.items()}
        if label is not None and label.kind != "corrected":
            others = of_kind.pop(label.kind, ())
            correction = label.kind == "correct"
            yield self._lesson(
                turn,
                label.turn if correction and label.turn else turn_id,
                label.kind,
                given[LABEL],
                label.by,
                rows_of(label.kind, bool(others)),
                text=turn.completion if correction else None,
                others=(turn_id,) if correction else others,
                prompt_turn_id=label.prompt,
            )
        for kind, others in of_kind.items():
            first = note.over[others[0]]
            more = {"others": others, "prompt_turn_id": first.prompt}
            yield self._lesson(turn, turn_id, kind, given[OVER], first.by, rows_of("rank", True), **more)
        if note.steps:
            steps = tuple((at, bool(each)) for at, each in enumerate(note.steps, 1) if not math.isnan(each))
            yield self._lesson(
                turn, turn_id, "step", given[STEPS], note.steps_by, rows_of("step", False), steps=steps
            )

    def _lesson(
        self, turn: Turn, about: str, kind: str, given: float, who: Who, rows: tuple[str, ...], **more: Any
    ) -> Lesson:
        rollout = self._turns[about].rollout_id if about in self._turns else turn.rollout_id
        named = {"kind": kind, "turn_id": about, "rollout_id": rollout, "role": turn.role}
        return Lesson.model_validate(
            {
                **named,
                "task_id": self._tasks[turn.rollout_id],
                "given": given,
                "who": who,
                "rows": rows,
                **more,
            }
        )


def rows_of(kind: str, pairs: bool) -> tuple[str, ...]:
    """Name the formats that get rows of a lesson.

    Args:
        kind: A `LessonKind`.
        pairs: Whether it sets the turn above another one.
    """
    alone = {"reject": ("kto",), "step": ("prm",), "rank": ()}.get(kind, ("sft", "kto"))
    return (*alone, "dpo", "reward") if pairs else alone


def _by_kind(over: Mapping[str, Preference]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for turn, each in over.items():
        found[each.kind] = (*found.get(each.kind, ()), turn)
    return found


def _some(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(ids), AT_ONCE):
        yield tuple(ids[start : start + AT_ONCE])
