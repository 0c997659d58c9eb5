"""A rollout as a story: the attempts, what was said of the one that won, what became of it, the answer.

Of everything that happened only the line that leads to the final solution is told in full: its first
attempt beside the other first attempts, then every review, hint and refinement on the way. Not covered:
rollouts whose graph keeps no candidates, of which only what was said is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tutelage.errors import UserError
from tutelage.tools import steps
from tutelage.traces import Candidate, Rollout, Run, ScoreRow, Turn
from tutelage.types import Task

__all__ = ["Attempted", "Moment", "Step", "Story", "story_of"]

WORDS = 2
"""So many reviews and hints are told between two solutions."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a solution."""

    text: str
    score: float | None = None
    """0 to 1; `None` where nobody judged it."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """A solution, judged."""

    steps: tuple[Step, ...]
    answer: str | None = None
    passed: bool | None = None
    led_on: bool = False
    """Whether the final solution comes from it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What one role did: either attempts, or a text."""

    role: str
    attempts: tuple[Attempted, ...] = ()
    text: str = ""
    more: int = 0
    """How many further attempts there were."""
    more_passed: int = 0
    """How many of those are right."""


@dataclass(frozen=True, slots=True)
class Story:
    """One rollout, told."""

    task: Task
    moments: tuple[Moment, ...]
    answer: str | None = None
    passed: bool | None = None
    source: str = ""
    """Where it is recorded."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What is on record of one rollout."""

    rollout: Rollout
    candidates: Mapping[str, Candidate]
    turns: Mapping[str, Turn]
    scores: Sequence[ScoreRow]
    verdicts: Mapping[str, bool] = field(default_factory=dict)


def story_of(run: Run, rollout_id: str | None = None, *, shown: int = 4) -> Story:
    """Take a story out of a run.

    Args:
        run: an open run.
        rollout_id: which rollout; `None`: one that went from wrong to right, if there is any.
        shown: at most so many first attempts are told in full.

    Raises:
        UserError: there is no such rollout, or none that is done.
    """
    done = {rollout.id: rollout for rollout in run.rollouts("done")}
    chosen = rollout_id or _most_telling(run, done)
    if chosen not in done:
        raise UserError(f"run {run.name!r} has no finished rollout {chosen!r} to tell")
    scores = run.scores(chosen)
    record = _Record(
        rollout=done[chosen],
        candidates={each.id: each for each in run.candidates(chosen)},
        turns={each.id: each for each in run.turns(chosen)},
        scores=scores,
        verdicts={row.subject_id: row.score.passed for row in scores if row.score.passed is not None},
    )
    moments = _with_candidates(record, shown) if record.candidates else _only_said(record)
    return Story(
        task=record.rollout.task,
        moments=tuple(moments),
        answer=record.rollout.answer,
        passed=record.verdicts.get(chosen),
        source=f"run {run.name}, rollout {chosen}",
    )


def _most_telling(run: Run, done: Mapping[str, Rollout]) -> str:
    """A rollout whose first candidate is wrong and whose end is right; else a right one; else any."""
    verdicts = {row.subject_id: row.score.passed for row in run.scores() if row.score.passed is not None}
    firsts: dict[str, str] = {}
    refined: set[str] = set()
    for each in run.candidates():
        firsts.setdefault(each.rollout_id, each.id)
        if each.round > 0:
            refined.add(each.rollout_id)

    def worth(id: str) -> tuple[bool, bool, bool]:
        right = bool(verdicts.get(id))
        return (
            right and id in refined and verdicts.get(firsts.get(id, "")) is False,
            right and id in refined,
            right,
        )

    return max(done, key=worth, default="")


def _with_candidates(record: _Record, shown: int) -> list[Moment]:
    line = _line(record)
    first = line[0]
    others = [
        each for each in record.candidates.values() if each.round == first.round and each.id != first.id
    ]
    told, left = others[: shown - 1], others[shown - 1 :]
    attempts = [_attempted(record, first, led_on=True), *(_attempted(record, each) for each in told)]
    passed = sum(record.verdicts.get(each.id, False) for each in left)
    moments = [Moment(_role(record, first), tuple(attempts), more=len(left), more_passed=passed)]
    for each in line[1:]:
        moments += [Moment(turn.role, text=turn.completion) for turn in _heard(record, each)]
        moments.append(Moment(_role(record, each), (_attempted(record, each, led_on=True),)))
    return [*moments, *(Moment(turn.role, text=turn.completion) for turn in _last_words(record, line[-1]))]


def _line(record: _Record) -> list[Candidate]:
    """The candidates from a first attempt to the final solution."""
    output = record.rollout.output
    final_text = output.get("solution") if isinstance(output, dict) else None
    candidates = list(record.candidates.values())
    final = [each for each in candidates if each.text == final_text]
    line = [(final or candidates)[-1]]
    while known := [record.candidates[id] for id in line[0].parents if id in record.candidates]:
        line.insert(0, known[0])
    return line


def _heard(record: _Record, candidate: Candidate) -> list[Turn]:
    """What others said that the candidate's turn builds on: reviews and hints, not solutions."""
    turn = record.turns.get(candidate.turn_id or "")
    solutions = {each.turn_id for each in record.candidates.values()}
    parents = turn.parents if turn else ()
    return [record.turns[id] for id in parents if id in record.turns and id not in solutions][:WORDS]


def _last_words(record: _Record, final: Candidate) -> list[Turn]:
    """What others said of the final solution."""
    solutions = {each.turn_id for each in record.candidates.values()}
    said = [
        turn for turn in record.turns.values() if final.turn_id in turn.parents and turn.id not in solutions
    ]
    return said[:WORDS]


def _attempted(record: _Record, candidate: Candidate, *, led_on: bool = False) -> Attempted:
    lines = steps(candidate.text)
    mine = [row.score for row in record.scores if row.subject_id == candidate.id]
    judged = [score.steps for score in mine if score.steps is not None and len(score.steps) == len(lines)]
    values: Sequence[float | None] = judged[0] if judged else [None] * len(lines)
    return Attempted(
        steps=tuple(Step(text, value) for text, value in zip(lines, values, strict=True)),
        answer=candidate.answer,
        passed=record.verdicts.get(candidate.id),
        led_on=led_on,
    )


def _role(record: _Record, candidate: Candidate) -> str:
    turn = record.turns.get(candidate.turn_id or "")
    return turn.role if turn else "attempt"


def _only_said(record: _Record) -> list[Moment]:
    return [Moment(turn.role, text=turn.completion) for turn in record.turns.values()]
