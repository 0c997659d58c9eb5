"""Monitors: signs that a gain is none, each read from recorded runs of a version and of the first one.

A reading has the version's `value`, the first version's `first`, and `worse`: how far it went the wrong way, which is
what limits are about.

- `proxy`: mean of what selects less the mean of the truth, over all solutions; worse: how much that gap grew. Selecting
  by an imperfect score raises the score beyond the truth (Gao et al. 2022, arXiv 2210.10760).
- `length`: sampled tokens an answer; worse: the change as a share of the first, up or down.
- `entropy`: the mean of minus log p of sampled tokens, which estimates the entropy a token; worse: the share lost.
- `diversity`: different solutions among a task's, as a share; worse: the share lost.
- `forgetting`: accuracy on tasks that are not trained on; worse: the fall, and only where it is significant.
- `verdicts`: how often reviewers say the truth, right and wrong solutions alike; worse: the fall.

A monitor that a run says nothing to gives no reading. Not covered: probes inside the model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import StatisticsError, correlation, fmean
from typing import Literal

from tutelage.traces import Run
from tutelage.training.comparison import Comparison
from tutelage.training.evaluation import Evaluation
from tutelage.training.improvement.settings import Limit, Monitor
from tutelage.training.reinforcement.rewards import judged
from tutelage.types import Data, Score

__all__ = [
    "Level",
    "Reading",
    "Seen",
    "answer_length",
    "distinct_solutions",
    "entropy",
    "levelled",
    "proxy_gap",
    "readings",
    "verdict_accuracy",
]

Level = Literal["fine", "warn", "stop"]


class Reading(Data):
    """What a monitor says of a version."""

    monitor: Monitor
    value: float
    first: float
    worse: float
    """How far it went the wrong way; 0 or less: not at all."""
    level: Level = "fine"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was recorded of a version."""

    probe: Run | None
    """The graph on some development tasks."""
    others: Evaluation | None
    """Tasks that are not trained on, in one shot."""


def readings(
    first: Seen, now: Seen, limits: Callable[[Monitor], Limit], truth: str, proxy: str | None = None
) -> list[Reading]:
    """Read all monitors that there is something for.

    Args:
        first: the version that the rounds began with.
        now: the version in question.
        limits: of a monitor by its name.
        truth: the name of the verifier's scores.
        proxy: the name of the scores that select.
    """
    found: list[Reading] = []
    if first.probe is not None and now.probe is not None:
        found += _of_probes(first.probe, now.probe, truth, proxy)
    if first.others is not None and now.others is not None:
        found.append(_forgetting(first.others, now.others))
    return [levelled(each, limits(each.monitor)) for each in found]


def levelled(reading: Reading, limit: Limit) -> Reading:
    """The reading with its level."""
    level: Level = "fine"
    if limit.stop is not None and reading.worse >= limit.stop:
        level = "stop"
    elif limit.warn is not None and reading.worse >= limit.warn:
        level = "warn"
    return reading.model_copy(update={"level": level})


def proxy_gap(run: Run, proxy: str, truth: str) -> tuple[float, float | None] | None:
    """Mean proxy less mean truth over the candidates, and their correlation, which is `None` where one is constant.

    Gives `None` where no candidate has both scores.
    """
    scores: dict[str, dict[str, float]] = {}
    for row in run.scores(subject="candidate"):
        if row.score.name in (proxy, truth):
            scores.setdefault(row.subject_id, {})[row.score.name] = _value(row.score)
    pairs = [(each[proxy], each[truth]) for each in scores.values() if {proxy, truth} <= each.keys()]
    if not pairs:
        return None
    said, true = zip(*pairs, strict=True)
    try:
        together = correlation(said, true)
    except StatisticsError:
        together = None
    return fmean(said) - fmean(true), together


def answer_length(run: Run) -> float | None:
    """Sampled tokens an answer that solves."""
    solving = {candidate.turn_id for candidate in run.candidates()}
    counts = [
        len(turn.completion_token_ids)
        for turn in run.iter_turns()
        if turn.id in solving and turn.completion_token_ids is not None
    ]
    return fmean(counts) if counts else None


def entropy(run: Run) -> float | None:
    """The mean of minus log p over all sampled tokens, in nats: an estimate of the mean entropy a token."""
    total, count = 0.0, 0
    for turn in run.iter_turns():
        sampled = turn.sampling.temperature > 0
        kept = [p for p in turn.logprobs or () if not isnan(p)] if sampled else []
        total, count = total - sum(kept), count + len(kept)
    return total / count if count else None


def distinct_solutions(run: Run) -> float | None:
    """Different solutions of a task as a share of its solutions, over tasks that have several."""
    tasks = {rollout.id: rollout.task.id for rollout in run.rollouts("done")}
    texts: dict[str, list[str]] = {}
    for candidate in run.candidates():
        if candidate.rollout_id in tasks:
            texts.setdefault(tasks[candidate.rollout_id], []).append(" ".join(candidate.text.split()))
    shares = [len(set(each)) / len(each) for each in texts.values() if len(each) > 1]
    return fmean(shares) if shares else None


def verdict_accuracy(run: Run, truth: str) -> float | None:
    """How often a verdict is the truth, the mean of right and of wrong solutions; no verdict is a false one."""
    hits: dict[bool, list[bool]] = {}
    for rollout in judged(run, truth):
        for turn in rollout.turns:
            about = rollout.before(turn)
            if turn.id in rollout.verdicts and about is not None:
                true = rollout.solutions[about].passed is True
                hits.setdefault(true, []).append(rollout.verdicts[turn.id].passed is true)
    return fmean(fmean(each) for each in hits.values()) if hits else None


def _of_probes(first: Run, now: Run, truth: str, proxy: str | None) -> Iterable[Reading]:
    if proxy is not None and proxy != truth:
        before, after = proxy_gap(first, proxy, truth), proxy_gap(now, proxy, truth)
        if before is not None and after is not None:
            together = after[1]
            note = "" if together is None else f"correlation {together:.2f}"
            yield Reading(
                monitor="proxy", value=after[0], first=before[0], worse=after[0] - before[0], note=note
            )
    shares: Mapping[str, tuple[float | None, float | None]] = {
        "length": (answer_length(first), answer_length(now)),
        "entropy": (entropy(first), entropy(now)),
        "diversity": (distinct_solutions(first), distinct_solutions(now)),
    }
    for name, pair in shares.items():
        if pair[0] and pair[1] is not None:
            change = pair[1] / pair[0] - 1
            worse = abs(change) if name == "length" else -change
            yield Reading(monitor=name, value=pair[1], first=pair[0], worse=worse)
    said = verdict_accuracy(first, truth), verdict_accuracy(now, truth)
    if said[0] is not None and said[1] is not None:
        yield Reading(monitor="verdicts", value=said[1], first=said[0], worse=said[0] - said[1])


def _forgetting(first: Evaluation, now: Evaluation) -> Reading:
    compared = Comparison.of(first, now)
    sure = compared.p_value < 0.05
    note = f"p = {compared.p_value:.2g}; {_by_family(first, now)}"
    fall = -compared.difference if sure else min(0.0, -compared.difference)
    return Reading(monitor="forgetting", value=now.accuracy, first=first.accuracy, worse=fall, note=note)


def _by_family(first: Evaluation, now: Evaluation) -> str:
    before, after = first.families(), now.families()
    names: Sequence[str] = sorted(before.keys() & after.keys())
    return ", ".join(
        f"{name or 'no family'} {100 * before[name].accuracy:.0f} → {100 * after[name].accuracy:.0f} %"
        for name in names
    )


def _value(score: Score) -> float:
    return score.value if score.passed is None else float(score.passed)
