"""Rewards a turn: what every answer of a rollout was worth.

A reward is a function from a judged rollout to rewards by turn id; turns that it does not name are not trained.
`per_role` gives every role its own, `weighted` adds several. The rewards are kept as scores named `reward` of the turns,
so the run says afterwards what was rewarded. Not covered: how rewards are compared (`tutelage.traces.export.advantages`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tutelage.traces import Rollout, Run, ScoreRow, Turn
from tutelage.types import Score

__all__ = [
    "REWARD",
    "Judged",
    "Reward",
    "effect_reward",
    "judged",
    "outcome_reward",
    "own_reward",
    "per_role",
    "put",
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
    """Turns that judged: whether they said the truth; no verdict is as bad as a false one."""
    found = {}
    for turn in rollout.turns:
        about = rollout.before(turn)
        if turn.id in rollout.verdicts and about is not None:
            said, truth = rollout.verdicts[turn.id].passed, rollout.solutions[about].passed
            found[turn.id] = float(said is not None and said == truth)
    return found


def effect_reward(rollout: Judged) -> dict[str, float]:
    """Turns that judged: how much better what came of it is than what they judged; with no successor, that itself.

    The mean of the solutions that build on the turn, less the solution before it, moved to 0..1.
    """
    found = {}
    for turn in rollout.turns:
        about = rollout.before(turn)
        if turn.id in rollout.verdicts and about is not None:
            before = _value(rollout.solutions[about])
            later = [_value(rollout.solutions[name]) for name in rollout.after(turn)] or [before]
            found[turn.id] = (sum(later) / len(later) - before + 1) / 2
    return found


def per_role(**rewards: Reward) -> Reward:
    """Every role by its own reward; roles that are not named are not trained."""

    def by_role(rollout: Judged) -> dict[str, float]:
        roles = {turn.id: turn.role for turn in rollout.turns}
        return {
            name: value
            for role, reward in rewards.items()
            for name, value in reward(rollout).items()
            if roles[name] == role
        }

    return by_role


def weighted(*parts: tuple[Reward, float]) -> Reward:
    """The sum of several rewards, each with its weight, of turns that all of them name."""

    def summed(rollout: Judged) -> dict[str, float]:
        found = [(reward(rollout), weight) for reward, weight in parts]
        names = set.intersection(*(set(values) for values, _ in found))
        return {name: sum(values[name] * weight for values, weight in found) for name in sorted(names)}

    return summed


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
    """Keep rewards as scores of the turns; by rollout, and by turn."""
    for rollout_id, values in rewards.items():
        for turn_id, value in values.items():
            run.score(rollout_id, Score(name=REWARD, value=value), subject="turn", subject_id=turn_id)


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
