"""What many runs from one point gave: the spread of answers and scores, and the difference between two spreads.

Shares have Wilson's 95 % interval (1927), differences of shares Newcombe's (1998, method 10) and Fisher's exact test,
means a normal 95 % interval. `Samples` waits for them, or ends them early. Not covered: starting them (`branching`).
"""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tutelage.graphs.debugging.view import Branch
from tutelage.traces.report import wilson
from tutelage.types import Data

if TYPE_CHECKING:
    from tutelage.graphs.debugging.gate import Gate

__all__ = ["Gain", "Samples", "Spread", "spread_of"]

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

Interval = tuple[float, float]


class Gain(Data):
    """How much more often one spread passes than another."""

    difference: float
    """Of the shares that passed; positive where this one passes more often."""
    interval: Interval
    p: float
    """Fisher's exact test, two-sided."""

    def __str__(self) -> str:
        """In points, with the interval."""
        low, high = (f"{100 * each:+.1f}" for each in self.interval)
        return f"{100 * self.difference:+.1f} points [{low}, {high}], p = {self.p:.3g}"


class Spread(Data):
    """What n runs to the end from one point gave."""

    n: int
    """Runs that came to an end."""
    wanted: int | None = None
    """How many were asked for, where somebody stopped them before all had ended; `None` where all have."""
    failed: int
    """Runs that raised; they count as not passed."""
    answers: tuple[tuple[str | None, int], ...]
    """Final answers with their counts, the most frequent first."""
    passed: int | None = None
    """How many passed; `None` without a verifier."""
    interval: Interval | None = None
    """Of the share that passed."""
    mean: float | None = None
    """Of the verifier's values: the Monte Carlo value of the point."""
    mean_interval: Interval | None = None
    branches: tuple[str, ...] = ()
    group: str = ""

    def against(self, other: "Spread") -> Gain:
        """Compare with the spread of another point or prompt.

        Raises:
            ValueError: One of the two was not judged.
        """
        if self.passed is None or other.passed is None or not self.n or not other.n:
            raise ValueError("spreads can be compared where a verifier judged both")
        return _gain(self.passed, self.n, other.passed, other.n)

    def __str__(self) -> str:
        """The shares and the answers in a few lines."""
        head = f"{self.n} runs" + (f" of {self.wanted}, stopped early" if self.wanted else "")
        if self.passed is not None and self.interval is not None:
            low, high = (f"{100 * each:.1f}" for each in self.interval)
            head += f", {self.passed} passed: {100 * self.passed / self.n:.1f} % [{low}, {high}]"
        if self.failed:
            head += f", {self.failed} failed"
        return "\n".join([head, *(f"  {count:>4}  {answer}" for answer, count in self.answers)])


class Samples:
    """Runs under way: all are waited for, unless somebody stops them."""

    def __init__(self) -> None:
        """Begin without any."""
        self.gates: list[Gate] = []
        self.stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Wait no longer; from any thread."""
        self.stopped = True
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)

    async def settled(self) -> None:
        """Wait until all have ended, or they are stopped."""
        self._loop = asyncio.get_running_loop()
        ended = asyncio.gather(*(each.settled() for each in self.gates))
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            if not self.stopped:
                await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            stop.cancel()
            await asyncio.gather(ended, stop, return_exceptions=True)


def spread_of(group: str, branches: Sequence[Branch], wanted: int | None = None) -> Spread:
    """Count what became of the branches of a resampling that have ended."""
    n = len(branches)
    answers = Counter(each.answer for each in branches if each.status == "done").most_common()
    judged = any(each.passed is not None or each.value is not None for each in branches)
    passed = sum(each.passed is True for each in branches) if judged else None
    values = [each.value if each.value is not None else 0.0 for each in branches]
    mean = sum(values) / n if judged else None
    return Spread(
        n=n,
        wanted=wanted,
        failed=sum(each.status == "failed" for each in branches),
        answers=tuple(answers),
        passed=passed,
        interval=None if passed is None else wilson(passed, n),
        mean=mean,
        mean_interval=None if mean is None else _mean_interval(values, mean),
        branches=tuple(each.name for each in branches),
        group=group,
    )


def _mean_interval(values: Sequence[float], mean: float) -> Interval | None:
    if len(values) < 2:
        return None
    variance = sum((each - mean) ** 2 for each in values) / (len(values) - 1)
    half = Z * math.sqrt(variance / len(values))
    return mean - half, mean + half


def _gain(passed: int, n: int, other_passed: int, other_n: int) -> Gain:
    one, other = passed / n, other_passed / other_n
    first, second = wilson(passed, n), wilson(other_passed, other_n)
    assert first is not None and second is not None
    low = one - other - math.hypot(one - first[0], second[1] - other)
    high = one - other + math.hypot(first[1] - one, other - second[0])
    return Gain(difference=one - other, interval=(low, high), p=_fisher(passed, n, other_passed, other_n))


def _fisher(a: int, n: int, b: int, m: int) -> float:
    """The two-sided p-value of Fisher's exact test: all tables as unlikely as this one or more so."""
    total = math.comb(n + m, a + b)
    chances = [
        math.comb(n, k) * math.comb(m, a + b - k) / total for k in range(max(0, a + b - m), min(n, a + b) + 1)
    ]
    own = math.comb(n, a) * math.comb(m, b) / total
    return min(1.0, sum(each for each in chances if each <= own * (1 + 1e-9)))
