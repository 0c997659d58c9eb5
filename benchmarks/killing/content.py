"""What a run says, without who said it when: the form in which two runs are compared.

Ids, times and the order of what ran in parallel differ from run to run; everything else must not. A turn is named by
the digest of its fields and of its parents, so the whole graph of turns is compared, not only its nodes.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from tutelage.traces import Candidate, Rollout, Run, ScoreRow, Turn

__all__ = ["content", "differences", "doubles"]

PASSING = {
    "id",
    "rollout_id",
    "run_id",
    "parents",
    "call",
    "started",
    "ended",
    "seconds",
    "turn_id",
    "subject_id",
    "given",
}
"""Fields that differ between two runs that say the same."""

Content = dict[tuple[str, int], dict[str, Any]]
"""By task and repeat: the rollout's fields, and how often each turn, candidate and score is there."""


def content(*runs: Run) -> Content:
    """What counts in some runs together."""
    found: Content = {}
    for run in runs:
        turns, candidates, scores = (
            by_rollout(each) for each in (run.turns(), run.candidates(), run.scores())
        )
        for rollout in run.rollouts():
            key = rollout.id
            found[rollout.task.id, rollout.repeat] = told(rollout, turns[key], candidates[key], scores[key])
    return found


def by_rollout(records: Iterable[Any]) -> Mapping[str, list[Any]]:
    """Records by the rollout they belong to."""
    found: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        found[record.rollout_id].append(record)
    return found


def told(
    rollout: Rollout, turns: Sequence[Turn], candidates: Sequence[Candidate], scores: Sequence[ScoreRow]
) -> dict[str, Any]:
    """One rollout in the form in which it is compared."""
    names: dict[str, str] = {}
    for turn in turns:
        names[turn.id] = named(turn, [names.get(each, "missing") for each in turn.parents])
    for candidate in candidates:
        origins = [names.get(each, "missing") for each in (*candidate.parents, candidate.turn_id or "")]
        names[candidate.id] = named(candidate, origins)
    subjects = {**names, rollout.id: "rollout"}
    calls: dict[int, list[str]] = defaultdict(list)
    for turn in turns:
        calls[turn.call].append(names[turn.id])
    return {
        "rollout": fields(rollout),
        "turns": Counter(names[each.id] for each in turns),
        "calls": Counter(" ".join(call) for call in calls.values()),
        "candidates": Counter(names[each.id] for each in candidates),
        "scores": Counter(named(each, [subjects.get(each.subject_id, "missing")]) for each in scores),
    }


def named(record: BaseModel, origins: Sequence[str]) -> str:
    """The digest of a record's lasting fields and of what it comes from."""
    text = f"{fields(record)} {origins}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def fields(record: BaseModel) -> str:
    """A record's lasting fields as text."""
    return repr(record.model_dump(exclude=PASSING))


def differences(wanted: Content, found: Content) -> list[str]:
    """Where two runs say something else, a line each."""
    lines = []
    for key in sorted({*wanted, *found}):
        before, after = wanted.get(key), found.get(key)
        if before is None or after is None:
            lines.append(f"{key}: {'missing' if after is None else 'too much'}")
        else:
            lines += [f"{key}: other {part}" for part in before if before[part] != after[part]]
    return lines


def doubles(run: Run) -> list[str]:
    """What is there twice, or counts although it must not.

    Looks at everything that counts: rollouts by task and repeat, turns by id, and that no turn, candidate or score
    of an abandoned rollout is among them.
    """
    counted = run.rollouts()
    turns, candidates, scores = run.turns(), run.candidates(), run.scores()
    ids = {each.id for each in counted}
    keys = Counter((each.task.id, each.repeat) for each in counted)
    finished = Counter((each.task.id, each.repeat) for each in counted if each.status in ("done", "failed"))
    places = Counter((each.rollout_id, each.call, each.sample) for each in turns)
    lines = [f"rollout {key} counts {times} times" for key, times in keys.items() if times > 1]
    lines += [f"turn {key} counts {times} times" for key, times in places.items() if times > 1]
    lines += [
        f"{key} is finished in rollouts() and not in finished()" for key in finished.keys() - run.finished()
    ]
    lines += [
        f"{key} is finished in finished() and not in rollouts()" for key in run.finished() - finished.keys()
    ]
    records: list[Turn | Candidate | ScoreRow] = [*turns, *candidates, *scores]
    for record in records:
        if record.rollout_id not in ids:
            lines.append(f"{type(record).__name__} of the uncounted rollout {record.rollout_id}")
    every = Counter([each.id for each in turns] + [each.id for each in candidates])
    return lines + [f"{key} is read {times} times" for key, times in every.items() if times > 1]
