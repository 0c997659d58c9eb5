"""Shares with their intervals: of right ones, `pass@k`, and what became of right and of wrong first solutions.

Several trials of a task are not independent: intervals are over the tasks. Not covered: the statistics themselves
(`tutelage.training.statistics`).
"""

from collections.abc import Iterable, Sequence
from statistics import fmean

from tutelage.training.statistics import Interval, mean_interval, pass_at_k, share_interval
from tutelage.types import Data

__all__ = ["Flow", "PassAt", "Share"]


class Share(Data):
    """How many of some trials went well."""

    successes: int
    trials: int
    interval: Interval
    """Of the share, 95 %."""

    @classmethod
    def of(cls, tasks: Iterable[Sequence[bool]]) -> "Share":
        """Count the trials of every task."""
        counted = [(sum(each), len(each)) for each in tasks]
        right, trials = [each for each, _ in counted], [each for _, each in counted]
        return cls(successes=sum(right), trials=sum(trials), interval=share_interval(right, trials))

    @property
    def value(self) -> float | None:
        """The share; `None` of no trials."""
        return self.successes / self.trials if self.trials else None


class PassAt(Data):
    """`pass@k` over the tasks."""

    k: int
    value: float
    interval: Interval
    """95 %, over the tasks."""

    @classmethod
    def curve(cls, counts: Sequence[tuple[int, int]]) -> "tuple[PassAt, ...]":
        """The points of a curve: k of 1, 2, 4, ... and as many as every task has.

        Args:
            counts: of each task, how many samples there are and how many of them are right.

        Returns:
            The points; none where a task has fewer than two samples.
        """
        most = min((samples for samples, _ in counts), default=0)
        if most < 2:
            return ()
        sizes = sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})
        found = []
        for k in sizes:
            chances = [pass_at_k(samples, right, k) for samples, right in counts]
            found.append(cls(k=k, value=fmean(chances), interval=mean_interval(chances)))
        return tuple(found)


class Flow(Data):
    """What became of first solutions."""

    stays_right: Share
    """Of those that were right, how many ended right."""
    becomes_right: Share
    """Of those that were wrong, how many ended right."""

    @classmethod
    def of(cls, tasks: Sequence[Sequence[tuple[bool, bool]]]) -> "Flow":
        """Count (first right, end right) of every attempt of every task."""
        return cls(
            stays_right=Share.of([[end for first, end in tries if first] for tries in tasks]),
            becomes_right=Share.of([[end for first, end in tries if not first] for tries in tasks]),
        )
