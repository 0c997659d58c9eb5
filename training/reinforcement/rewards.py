"""Rewards a turn: what every answer of a rollout was worth.

A reward is a function from a judged rollout to rewards by turn id; turns that it does not name are not trained.
`per_role` gives every role its own, `weighted` adds several. The rewards are kept as scores named `reward` of the turns,
and what they were made of (`verdict_reward`, `effect_reward`, ...) beside them, so the run says afterwards what was
rewarded and why. Not covered: how rewards are compared (`tutelage.traces.export.advantages`), and what a critic is paid
(`tutelage.training.reinforcement.critiques`).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tutelage.traces import Rollout, Run, ScoreRow, Turn
from tutelage.traces.judging import record_scores
from tutelage.types import Score

__all__ = [
    "REWARD",
    "Judged",
    "Reward",
    "Rewards",
    "effect_reward",
    "judged",
    "outcome_reward",
    "own_reward",
    "per_role",
    "put",
    "refined_reward",
    "verdict_reward",
    "weighted",
]

REWARD = "reward"
"""The name of the scores."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A rollout that ended, with the verifier's scores."""

    rollout: Rollout
    turns: tuple[Turn, ...]
    score: Score | None
    """Of the final solution."""
    solutions: Mapping[str, Score]
    """Of what a turn solved or refined, by the turn's id."""
    verdicts: Mapping[str, Score]
    """What a turn said of the solution before it (`passed`), by the turn's id."""

    def before(self, turn: Turn) -> str | None:
        """The turn whose solution this one is about: the last of its parents that solved."""
        return next((name for name in reversed(turn.parents) if name in self.solutions), None)

    def after(self, turn: Turn) -> list[str]:
        """The turns that made a solution of what this one said."""
        return [each.id for each in self.turns if turn.id in each.parents and each.id in self.solutions]

    def reviews(self) -> Iterator[tuple[Turn, str]]:
        """Give the turns that judged a solution, each with the turn whose solution it judged."""
        for turn in self.turns:
            about = self.before(turn)
            if turn.id in self.verdicts and about is not None:
                yield turn, about


class Rewards(dict[str, float]):
    """Rewards by turn id, with what they were made of."""

    def __init__(
        self, rewards: Mapping[str, float], parts: Mapping[str, Mapping[str, float]] | None = None
    ) -> None:
        """Take rewards by turn id, and their parts by name and turn id."""
        super().__init__(rewards)
        self.parts: Mapping[str, Mapping[str, float]] = parts or {}


Reward = Callable[[Judged], Mapping[str, float]]


def outcome_reward(rollout: Judged) -> dict[str, float]:
    """Every turn: whether the rollout ended well."""
    if rollout.score is None:
        return {}
    return {turn.id: _value(rollout.score) for turn in rollout.turns}


def own_reward(rollout: Judged) -> dict[str, float]:
    """Turns that solved: whether their own solution is right."""
    return {name: _value(score) for name, score in rollout.solutions.items()}


def verdict_reward(rollout: Judged) -> dict[str, float]:
    """Turns that judged: whether they said the truth; no verdict is as bad as a false one.

    A verdict on a solution that the verifier does not decide about is not rewarded.
    """
    found = {}
    for turn, about in rollout.reviews():
        truth = rollout.solutions[about].passed
        if truth is not None:
            found[turn.id] = float(rollout.verdicts[turn.id].passed == truth)
    return found


def refined_reward(rollout: Judged) -> dict[str, float]:
    """Turns that judged: how good what came of it is, the mean of the solutions that build on the turn.

    A turn that led nowhere left the solution before it as it was, and that is what came of it.
    """
    found = {}
    for turn, about in rollout.reviews():
        later = [_value(rollout.solutions[name]) for name in rollout.after(turn) or [about]]
        found[turn.id] = sum(later) / len(later)
    return found


def effect_reward(rollout: Judged) -> dict[str, float]:
    """Turns that judged: how much better what came of it is than what they judged, moved from -1..1 to 0..1."""
    before = {turn.id: _value(rollout.solutions[about]) for turn, about in rollout.reviews()}
    return {turn: (value - before[turn] + 1) / 2 for turn, value in refined_reward(rollout).items()}


def per_role(**rewards: Reward) -> Reward:
    """Every role by its own reward; roles that are not named are not trained."""

    def by_role(rollout: Judged) -> Rewards:
        roles = {turn.id: turn.role for turn in rollout.turns}
        found: dict[str, float] = {}
        parts: dict[str, dict[str, float]] = {}
        for role, reward in rewards.items():
            given = reward(rollout)
            found |= {name: value for name, value in given.items() if roles[name] == role}
            for part, values in parts_of(given).items():
                own = {name: value for name, value in values.items() if roles[name] == role}
                parts.setdefault(part, {}).update(own)
        return Rewards(found, parts)

    return by_role


def weighted(*parts: tuple[Reward, float]) -> Reward:
    """The sum of several rewards, each with its weight, of turns that all of them name.

    Each is kept beside the sum by its function's name, unweighted; of several without a name, or with one name, the last.
    """

    def summed(rollout: Judged) -> Rewards:
        found = [(reward, reward(rollout), weight) for reward, weight in parts]
        names = set.intersection(*(set(values) for _, values, _ in found))
        kept: dict[str, Mapping[str, float]] = {}
        for reward, values, _ in found:
            kept |= parts_of(values) or {name_of(reward): values}
        sums = {name: sum(values[name] * weight for _, values, weight in found) for name in sorted(names)}
        return Rewards(sums, kept)

    return summed


def parts_of(rewards: Mapping[str, float]) -> Mapping[str, Mapping[str, float]]:
    """What rewards were made of, by name; nothing where they do not say."""
    return rewards.parts if isinstance(rewards, Rewards) else {}


def name_of(reward: Reward) -> str:
    """What to call a reward in the record."""
    return getattr(reward, "__name__", type(reward).__name__)


def judged(run: Run, verifier: str) -> Iterator[Judged]:
    """Give the rollouts of a run that ended, with the scores of a verifier."""
    by_candidate: dict[str, Score] = {}
    finals: dict[str, Score] = {}
    verdicts: dict[str, dict[str, Score]] = {}
    for row in run.scores():
        _sort(row, verifier, by_candidate, finals, verdicts)
    solutions: dict[str, dict[str, Score]] = {}
    for candidate in run.candidates():
        if candidate.turn_id is not None and candidate.id in by_candidate:
            of_rollout = solutions.setdefault(candidate.rollout_id, {})
            of_rollout[candidate.turn_id] = by_candidate[candidate.id]
    turns: dict[str, list[Turn]] = {}
    for turn in run.iter_turns():
        turns.setdefault(turn.rollout_id, []).append(turn)
    for rollout in run.rollouts("done"):
        yield Judged(
            rollout,
            tuple(turns.get(rollout.id, ())),
            finals.get(rollout.id),
            solutions.get(rollout.id, {}),
            verdicts.get(rollout.id, {}),
        )


def put(run: Run, rewards: Mapping[str, Mapping[str, float]]) -> None:
    """Keep rewards, and what they were made of, as scores of the turns, all or none; by rollout, and by turn."""
    record_scores(run, [row for rollout_id, values in rewards.items() for row in _rows(rollout_id, values)])


def _rows(rollout_id: str, rewards: Mapping[str, float]) -> Iterator[ScoreRow]:
    for name, values in {REWARD: rewards, **parts_of(rewards)}.items():
        for turn_id, value in values.items():
            yield ScoreRow(
                rollout_id=rollout_id,
                subject="turn",
                subject_id=turn_id,
                score=Score(name=name, value=value),
                given=time.time(),
            )


def _sort(
    row: ScoreRow,
    verifier: str,
    by_candidate: dict[str, Score],
    finals: dict[str, Score],
    verdicts: dict[str, dict[str, Score]],
) -> None:
    if row.subject == "turn" and row.score.name == "verdict":
        verdicts.setdefault(row.rollout_id, {})[row.subject_id] = row.score
    elif row.score.name == verifier and row.subject == "candidate":
        by_candidate[row.subject_id] = row.score
    elif row.score.name == verifier and row.subject == "rollout":
        finals[row.rollout_id] = row.score


def _value(score: Score) -> float:
    return score.value if score.passed is None else float(score.passed)
