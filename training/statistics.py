"""The statistics behind every claim: intervals for proportions, paired tests, pass@k and its relatives.

Everything is exact or a closed form, but for the two resampling functions, which take a seed. One sample a
task: a proportion's interval is Wilson's, a paired difference's is Newcombe's, the paired test is McNemar's
exact one. Several samples a task: `bootstrap_mean` and `sign_flip` over the tasks. Of several tests `holm`
corrects the p-values. Not covered: unpaired comparisons.
"""

from collections import Counter
from collections.abc import Sequence
from math import prod, sqrt
from statistics import NormalDist, fmean
from typing import NamedTuple

from tutelage.errors import UserError

__all__ = [
    "Interval",
    "bootstrap_mean",
    "holm",
    "maj_at_k",
    "mcnemar",
    "mean_at_k",
    "mean_interval",
    "newcombe",
    "pass_at_k",
    "share_interval",
    "sign_flip",
    "wilson",
]


class Interval(NamedTuple):
    """A closed interval; for proportions within [0, 1], for their differences within [-1, 1]."""

    low: float
    high: float


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """The score interval of a binomial proportion (Wilson, 1927), without continuity correction.

    Args:
        successes: how many of the trials succeeded.
        trials: how many there were; none at all gives the whole of [0, 1].
        confidence: the nominal coverage, between 0 and 1.

    Raises:
        UserError: counts that cannot be, or a confidence outside (0, 1).
    """
    z = _quantile(confidence)
    if not 0 <= successes <= trials:
        raise UserError(f"successes={successes!r} of trials={trials!r}: give 0 <= successes <= trials")
    if trials == 0:
        return Interval(0.0, 1.0)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if successes == trials else min(1.0, (centre + spread) / scale)
    return Interval(low, high)


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test (1947): a fair coin over the discordant pairs.

    Args:
        only_first: pairs of which only the first member succeeded.
        only_second: pairs of which only the second did.

    Returns:
        Twice the smaller binomial tail, at most 1; 1 where no pair is discordant.

    Raises:
        UserError: a negative count.
    """
    if only_first < 0 or only_second < 0:
        raise UserError(f"discordant pairs {only_first!r} and {only_second!r}: counts are not negative")
    discordant = only_first + only_second
    term = tail = 1
    for chosen in range(min(only_first, only_second)):
        term = term * (discordant - chosen) // (chosen + 1)
        tail += term
    return min(1.0, tail / 2 ** (discordant - 1)) if discordant else 1.0


def newcombe(
    both: int, only_first: int, only_second: int, neither: int, confidence: float = 0.95
) -> Interval:
    """An interval for a difference of paired proportions, second minus first (Newcombe, 1998, method 10).

    It squares and adds the Wilson intervals of the two proportions and takes their correlation into account.

    Args:
        both: pairs of which both members succeeded.
        only_first: pairs of which only the first member did.
        only_second: pairs of which only the second did.
        neither: pairs of which none did.
        confidence: the nominal coverage, between 0 and 1.

    Raises:
        UserError: a negative count, no pair at all, or a confidence outside (0, 1).
    """
    counts = (both, only_first, only_second, neither)
    if min(counts) < 0 or not any(counts):
        raise UserError(f"paired counts {counts!r}: give four counts, none negative, not all zero")
    n = sum(counts)
    first, second = both + only_first, both + only_second
    (low1, high1), (low2, high2) = wilson(first, n, confidence), wilson(second, n, confidence)
    below1, above1 = first / n - low1, high1 - first / n
    below2, above2 = second / n - low2, high2 - second / n
    phi = _correlation(both, only_first, only_second, neither)
    difference = (only_second - only_first) / n
    down = sqrt(max(0.0, below2**2 - 2 * phi * below2 * above1 + above1**2))
    up = sqrt(max(0.0, above2**2 - 2 * phi * above2 * below1 + below1**2))
    return Interval(max(-1.0, difference - down), min(1.0, difference + up))


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The unbiased chance that at least one of k samples is right (Chen et al., 2021, equation 1).

    Args:
        samples: how many samples of the task there are (n).
        correct: how many of them are right (c).
        k: how many one would draw, at most `samples`.

    Returns:
        1 - C(n - c, k) / C(n, k).

    Raises:
        UserError: counts that cannot be.
    """
    if not 0 <= correct <= samples or not 1 <= k <= samples:
        raise UserError(f"pass@{k} of {samples} samples, {correct} right: give 1 <= k and correct <= samples")
    if samples - correct < k:
        return 1.0
    return 1.0 - prod(1.0 - k / left for left in range(samples - correct + 1, samples + 1))


def maj_at_k(answers: Sequence[str | None], passed: Sequence[bool], k: int) -> float:
    """How often the majority answer of k samples of a task is right, over the samples' disjoint blocks of k.

    A sample without an answer does not vote; of equally frequent answers the earliest wins; a block without a
    vote is wrong. Samples left over after the last whole block are not used.

    Args:
        answers: the canonical answer of each sample, `None` for none.
        passed: whether each sample is right.
        k: the size of a vote, at most the number of samples.

    Raises:
        UserError: sequences of different lengths, or fewer than k samples.
    """
    if len(answers) != len(passed) or not 1 <= k <= len(answers):
        raise UserError(f"maj@{k} of {len(answers)} answers, {len(passed)} verdicts: give k or more of both")
    blocks = range(0, len(answers) - k + 1, k)
    return fmean(_vote(answers[start : start + k], passed[start : start + k]) for start in blocks)


def mean_at_k(passed: Sequence[bool], k: int) -> float:
    """The share of right ones among a task's first k samples.

    Raises:
        UserError: fewer than k samples.
    """
    if not 1 <= k <= len(passed):
        raise UserError(f"mean@{k} of {len(passed)} samples: give 1 <= k <= samples")
    return fmean(passed[:k])


def bootstrap_mean(
    values: Sequence[float], confidence: float = 0.95, draws: int = 10_000, seed: int = 0
) -> Interval:
    """A percentile bootstrap interval for a mean of one number a task; tasks are what is drawn again.

    For tasks with several samples each, which are no independent trials: the task's own mean is its number.

    Args:
        values: one number a task.
        confidence: the nominal coverage, between 0 and 1.
        draws: how many resamples.
        seed: of the resampling.

    Raises:
        UserError: no values, or a confidence outside (0, 1).
    """
    import numpy as np

    _quantile(confidence)
    if not values:
        raise UserError("a bootstrap needs at least one value")
    chance, n = np.random.default_rng(seed), len(values)
    observed = np.asarray(values, dtype=np.float64)
    means = np.sort([observed[chance.integers(0, n, n)].mean() for _ in range(draws)])
    cut = int(draws * (1 - confidence) / 2)
    return Interval(float(means[cut]), float(means[draws - 1 - cut]))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """An interval for the mean of one number a task: Wilson's where all are 0 or 1, else `bootstrap_mean`.

    Args:
        values: one number a task, within [0, 1].
        confidence: the nominal coverage, between 0 and 1.

    Raises:
        UserError: no values, or a confidence outside (0, 1).
    """
    if values and set(values) <= {0.0, 1.0}:
        return wilson(round(sum(values)), len(values), confidence)
    return bootstrap_mean(values, confidence)


def share_interval(
    successes: Sequence[int],
    trials: Sequence[int],
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Interval:
    """An interval for the share of all trials that succeed, where a task has any number of them.

    Wilson's where no task has more than one. Else trials of a task are not independent, and a percentile bootstrap
    draws tasks; where all trials end alike, which leaves nothing to draw, it is Wilson's with the tasks as trials.

    Args:
        successes: of each task.
        trials: of each task; those without any do not count.
        confidence: the nominal coverage, between 0 and 1.
        draws: how many resamples.
        seed: of the resampling.

    Raises:
        UserError: counts that cannot be, or a confidence outside (0, 1).
    """
    import numpy as np

    if len(successes) != len(trials):
        raise UserError(
            f"successes of {len(successes)} tasks and trials of {len(trials)}: give both of each task"
        )
    counted = [(right, count) for right, count in zip(successes, trials, strict=True) if count]
    right, count = sum(each for each, _ in counted), sum(each for _, each in counted)
    if right in (0, count):
        return wilson(len(counted) if right else 0, len(counted), confidence)
    if len(counted) == count:
        return wilson(right, count, confidence)
    chance, observed = np.random.default_rng(seed), np.asarray(counted, dtype=np.float64)
    sums = (observed[chance.integers(0, len(counted), len(counted))].sum(axis=0) for _ in range(draws))
    shares = np.sort([each[0] / each[1] for each in sums])
    cut = int(draws * (1 - confidence) / 2)
    return Interval(float(shares[cut]), float(shares[draws - 1 - cut]))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p-values of several tests, adjusted so that the chance of any false alarm holds (Holm, 1979).

    Args:
        p_values: of the tests of one family, in any order.

    Returns:
        The adjusted p-values, in the same order.
    """
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = floor
    return tuple(adjusted)


def sign_flip(differences: Sequence[float], draws: int = 10_000, seed: int = 0) -> float:
    """The two-sided p-value of the paired permutation test, in which every difference may change its sign.

    Sampled, with the observed assignment counted among the draws (Phipson and Smyth, 2010), so never 0.

    Args:
        differences: one number a task; zeros carry no information.
        draws: how many random assignments of signs.
        seed: of the draws.
    """
    import numpy as np

    sizes = np.asarray([each for each in differences if each], dtype=np.float64)
    if not sizes.size:
        return 1.0
    chance = np.random.default_rng(seed)
    observed = abs(sizes.sum()) - 1e-9
    signs = (chance.integers(0, 2, sizes.size) * 2 - 1 for _ in range(draws))
    hits = sum(int(abs(sizes @ each) >= observed) for each in signs)
    return (hits + 1) / (draws + 1)


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise UserError(f"confidence={confidence!r}: give a number between 0 and 1, for example 0.95")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Newcombe's phi, shrunk by n/2 where it is positive."""
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    product = both * neither - only_first * only_second
    shrunk = max(product - (both + only_first + only_second + neither) / 2, 0) if product > 0 else product
    return shrunk / sqrt(margins)


def _vote(answers: Sequence[str | None], passed: Sequence[bool]) -> bool:
    votes = Counter(answer for answer in answers if answer is not None)
    if not votes:
        return False
    winner = votes.most_common(1)[0][0]
    return passed[answers.index(winner)]
