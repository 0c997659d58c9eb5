"""Selection: which recorded solutions become training examples, and an account of what was left out.

Only what a verifier passed is taken (unless asked otherwise), never what is merely frequent. Every example
says where it comes from: run, rollout, candidate, turn and policy. Abandoned and failed rollouts give
nothing. Not covered: preference pairs, reviews, weights.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from tutelage.errors import UserError
from tutelage.graphs import solution_in
from tutelage.traces import Candidate, Rollout, Run, ScoreRow, Subject, Turn
from tutelage.types import Data

__all__ = ["Example", "Selection", "SelectionSettings", "select", "verifier_of"]


class SelectionSettings(Data):
    """Which solutions to take, in the order in which they were recorded."""

    source: Literal["candidate", "final"] = "candidate"
    """Every candidate of a rollout, each with its own score, or the rollout's final solution only."""
    only_passed: bool = True
    """Take only what the verifier passed; otherwise everything that it scored."""
    per_task: Annotated[int, Field(gt=0)] | None = 4
    """At most so many solutions of one task, so that easy tasks do not crowd out hard ones; `None`: all."""
    unique: bool = True
    """Take each text once a task, white space at its ends left aside."""
    roles: tuple[str, ...] | None = None
    """Only what these roles said ("solver", "refiner", …); `None`: everyone, and texts without a turn."""
    verifier: str | None = None
    """Whose scores count; `None`: the run's only verifier."""


class Example(Data):
    """A problem and a solution to learn, with its lineage."""

    problem: str
    """The bare problem: whatever hint or review led to the solution is not here."""
    solution: str
    task_id: str
    family: str = ""
    run_id: str
    rollout_id: str
    repeat: int
    candidate_id: str | None
    """`None` for a final solution that no candidate holds."""
    turn_id: str | None
    """The turn that said it; `None` where no model did."""
    role: str | None
    policy: str | None
    """The weights that said it."""
    round: int
    """0 for a first attempt."""
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen examples, and why not more."""

    examples: tuple[Example, ...]
    considered: int
    """How many solutions there were."""
    dropped: Mapping[str, int]
    """How many were left out for which reason."""
    source: str

    def account(self) -> str:
        """One line: how many were kept of how many, and why."""
        kept = f"kept {len(self.examples):,} of {self.considered:,} {_NOUNS[self.source]}"
        reasons = [f"{count:,} {reason}" for reason, count in self.dropped.items() if count]
        return f"{kept} because {', '.join(reasons)}" if reasons else kept

    def __str__(self) -> str:
        """The account."""
        return self.account()


_NOUNS = {"candidate": "candidates", "final": "final solutions"}


class _Found(NamedTuple):
    rollout: Rollout
    text: str
    candidate: Candidate | None
    turn_id: str | None
    passed: bool | None


def select(run: Run, settings: SelectionSettings | None = None) -> Selection:
    """Choose the solutions of a run to train on.

    Args:
        run: an open run; scores that were added later count.
        settings: which to take; `None` for the defaults.

    Raises:
        UserError: the run was scored by several verifiers and the settings name none, or name one it has not.
    """
    settings = settings or SelectionSettings()
    subject: Subject = "rollout" if settings.source == "final" else "candidate"
    scores = run.scores(subject=subject)
    verifier = verifier_of(run, scores, settings.verifier)
    verdicts = {row.subject_id: row.score.passed for row in scores if row.score.name == verifier}
    turns = {turn.id: turn for turn in run.turns()}
    found = _finals(run, verdicts, turns) if settings.source == "final" else _candidates(run, verdicts)
    return _choose(list(found), turns, settings)


def verifier_of(run: Run, scores: Sequence[ScoreRow], wanted: str | None) -> str:
    """The verifier whose scores count.

    Raises:
        UserError: there is none, there are several and none is wanted, or the wanted one is not there.
    """
    names = sorted({row.score.name for row in scores if row.score.passed is not None})
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is not None and wanted in names:
        return wanted
    known = ", ".join(map(repr, names)) or "none"
    if wanted is None and names:
        raise UserError(f"run {run.name!r} has verdicts of several verifiers ({known}); name one, verifier=…")
    missing = f" of {wanted!r}" if wanted is not None else ""
    raise UserError(f"run {run.name!r} has no verdicts{missing} (there are: {known}); roll out with one")


def _finals(run: Run, verdicts: Mapping[str, bool | None], turns: Mapping[str, Turn]) -> Iterator[_Found]:
    candidates = _by_rollout(run)
    said = {(turn.rollout_id, turn.completion.strip()): id for id, turn in turns.items()}
    for rollout in _by_place(run):
        text = solution_in(rollout.output) if isinstance(rollout.output, dict) else ""
        same = [each for each in candidates.get(rollout.id, ()) if each.text == text]
        turn = same[-1].turn_id if same else said.get((rollout.id, text.strip()))
        yield _Found(rollout, text, same[-1] if same else None, turn, verdicts.get(rollout.id))


def _candidates(run: Run, verdicts: Mapping[str, bool | None]) -> Iterator[_Found]:
    candidates = _by_rollout(run)
    for rollout in _by_place(run):
        for each in candidates.get(rollout.id, ()):
            yield _Found(rollout, each.text, each, each.turn_id, verdicts.get(each.id))


def _by_place(run: Run) -> list[Rollout]:
    """The rollouts, those of a task by their repeats: a repeat that was run anew comes where the first would have."""
    done = run.rollouts("done")
    places = {task: at for at, task in enumerate(dict.fromkeys(each.task.id for each in done))}
    return sorted(done, key=lambda each: (places[each.task.id], each.repeat))


def _by_rollout(run: Run) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for candidate in run.candidates():
        found.setdefault(candidate.rollout_id, []).append(candidate)
    return found


def _choose(found: Sequence[_Found], turns: Mapping[str, Turn], settings: SelectionSettings) -> Selection:
    limit = settings.per_task
    dropped = Counter[str]()
    taken = Counter[str]()
    seen: set[tuple[str, str]] = set()
    examples: list[Example] = []
    for each in found:
        task, text = each.rollout.task.id, each.text.strip()
        turn = turns.get(each.turn_id or "")
        if each.passed is None or not text:
            dropped["have no text or no verdict"] += 1
        elif settings.only_passed and not each.passed:
            dropped["did not pass"] += 1
        elif settings.roles is not None and (turn is None or turn.role not in settings.roles):
            dropped[f"are not by {' or '.join(settings.roles)}"] += 1
        elif settings.unique and (task, text) in seen:
            dropped["repeat one that is kept"] += 1
        elif limit is not None and taken[task] >= limit:
            dropped[f"go beyond {limit} a task"] += 1
        else:
            taken[task] += 1
            seen.add((task, text))
            examples.append(_example(each, turn, text))
    return Selection(tuple(examples), len(found), dict(dropped), settings.source)


def _example(found: _Found, turn: Turn | None, text: str) -> Example:
    rollout, candidate = found.rollout, found.candidate
    return Example(
        problem=rollout.task.problem,
        solution=text,
        task_id=rollout.task.id,
        family=rollout.task.family,
        run_id=rollout.run_id,
        rollout_id=rollout.id,
        repeat=rollout.repeat,
        candidate_id=candidate.id if candidate else None,
        turn_id=found.turn_id,
        role=turn.role if turn else None,
        policy=turn.policy if turn else None,
        round=candidate.round if candidate else 0,
        passed=found.passed,
    )
