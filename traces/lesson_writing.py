"""Writing lessons: what belongs together is on record as a whole, or not at all.

`write_lessons(run, action)` is one transaction: the action reads what was said before and says what counts now, and a
process that is killed at any moment leaves all of it or nothing. Not covered: what may be said
(`tutelage.graphs.debugging.teaching`).
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from tutelage.errors import UserError
from tutelage.traces.arrays import steps_of
from tutelage.traces.blobs import value_text
from tutelage.traces.lessons import (
    LABEL,
    NAMED,
    OVER,
    STEPS,
    Label,
    Note,
    Preference,
    Who,
    note_of,
)
from tutelage.traces.merging import Story, add_story
from tutelage.traces.record import CORRECTION, Candidate, Rollout, ScoreRow, Turn
from tutelage.traces.run import Run
from tutelage.traces.writing import Rows
from tutelage.types import Score

__all__ = ["LessonWriter", "write_lessons"]

Result = TypeVar("Result")

OF_TURN = f"""SELECT name, passed, steps, feedback, given FROM scores
    WHERE rollout = ? AND subject = 'turn' AND subject_id = ? AND name IN ({NAMED}) ORDER BY given, seq"""
OF_TASK = f"""SELECT s.subject_id FROM rollouts r CROSS JOIN scores s ON s.rollout = r.seq
    WHERE r.task = (SELECT o.task FROM rollouts o JOIN turns t ON t.rollout = o.seq WHERE t.id = ?)
    AND s.subject = 'turn' AND s.name IN ({NAMED}) AND instr(s.feedback, ?)
    GROUP BY s.subject_id ORDER BY min(s.seq)"""
ROLLOUT = "SELECT r.seq, r.id FROM turns t JOIN rollouts r ON r.seq = t.rollout WHERE t.id = ?"
NOTHING = float("nan")


class Said(NamedTuple):
    """A score as it is read here."""

    passed: bool | None
    steps: Sequence[float] | None
    feedback: str | None


class LessonWriter:
    """What an action of `write_lessons` may read and say."""

    def __init__(self, run: Run, rows: Rows) -> None:
        """Stand inside a transaction."""
        self._run = run
        self._rows = rows

    def note(self, turn_id: str) -> Note:
        """Give what counts of what was said of a turn."""
        return note_of({name: said for name, (said, _) in self._latest(turn_id).items()})

    def naming(self, turn_id: str) -> list[str]:
        """Give the turns of the same task of which something was ever said that names a turn."""
        self._rows.flush()
        found = self._rows.connection.execute(OF_TASK, (turn_id, turn_id))
        return [value_text(name) or "" for (name,) in found]

    def label(self, turn_id: str, label: Label | None, by: Who) -> None:
        """Say whether a turn is right; `None` takes it back."""
        told = {"by": by} if label is None else {k: v for k, v in label._asdict().items() if v is not None}
        told.pop("right", None)
        passed = None if label is None else label.right
        self._score(turn_id, LABEL, told, NOTHING if passed is None else float(passed), passed)

    def over(self, turn_id: str, over: Mapping[str, Preference], by: Who) -> None:
        """Say which turns a turn is better than; those that are not named it is not."""
        told = {
            turn: {k: v for k, v in each._asdict().items() if v is not None} for turn, each in over.items()
        }
        self._score(turn_id, OVER, {"by": by, "over": told}, float(len(over)))

    def prefer(self, better: str, worse: str, why: Preference) -> None:
        """Say that a turn is better than another, whatever was said of the two before."""
        others = self.note(worse).over
        if better in others:
            self.over(worse, {turn: each for turn, each in others.items() if turn != better}, why.by)
        self.over(better, {**self.note(better).over, worse: why}, why.by)

    def steps(self, turn_id: str, steps: Sequence[float], by: Who) -> None:
        """Say which steps of a turn are right."""
        self._score(turn_id, STEPS, {"by": by}, NOTHING, steps=tuple(steps))

    def correction(self, rollout: Rollout, turn: Turn, candidate: Candidate | None) -> None:
        """Add a turn in a rollout of its own, that of what was corrected being given."""
        own = rollout.model_copy(
            update={
                "id": turn.rollout_id,
                "run_id": self._run.id,
                "status": "abandoned",
                "error": CORRECTION,
                "answer": None,
                "started": turn.started,
                "ended": turn.started,
                "output": {"rollout": rollout.id, **turn.metadata},
            }
        )
        add_story(self._rows, Story(own, (turn,), () if candidate is None else (candidate,), ()), None)

    def _score(
        self,
        turn_id: str,
        name: str,
        told: Mapping[str, Any],
        value: float,
        passed: bool | None = None,
        steps: tuple[float, ...] | None = None,
    ) -> None:
        row, rollout = self._rollout(turn_id)
        # The latest counts by its time, which the clock may have been set back behind.
        before = max((given for _, given in self._latest(turn_id).values()), default=0.0)
        score = Score(name=name, value=value, passed=passed, steps=steps, feedback=json.dumps(told))
        given = max(time.time(), before)
        self._rows.score(
            row,
            ScoreRow(rollout_id=rollout, subject="turn", subject_id=turn_id, score=score, given=given),
        )

    def _rollout(self, turn_id: str) -> tuple[int, str]:
        self._rows.flush()
        found = self._rows.connection.execute(ROLLOUT, (turn_id,)).fetchone()
        if found is None:
            raise UserError(f"run {self._run.name!r} has no turn {turn_id!r}")
        return found[0], found[1]

    def _latest(self, turn_id: str) -> dict[str, tuple[Said, float]]:
        row, _ = self._rollout(turn_id)
        latest: dict[str, tuple[Said, float]] = {}
        for name, passed, steps, feedback, given in self._rows.connection.execute(OF_TURN, (row, turn_id)):
            said = Said(
                None if passed is None else bool(passed),
                None if steps is None else steps_of(steps),
                value_text(feedback),
            )
            latest[name] = said, given or 0.0
        return latest


def write_lessons(run: Run, action: Callable[[LessonWriter], Result]) -> Result:
    """Write what an action says, all of it or nothing.

    Args:
        run: The run, open for writing.
        action: Says it; it may be called a second time, when the first did not come through.

    Raises:
        UserError: The action refuses.
        StoreError: The run cannot be written.
    """
    return run._store.writing().write(lambda rows: action(LessonWriter(run, rows)))
