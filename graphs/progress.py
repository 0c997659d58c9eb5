"""How far a batch is, on standard error: a bar on a terminal, elsewhere one line every ten seconds.

Shows rollouts done, the share found right so far, sampled tokens a second and the time left. Tokens are
those of the record, asked for at most a twentieth of the time. Nothing that a model wrote is shown.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

from tutelage.errors import StoreError
from tutelage.traces import TokenCount

__all__ = ["Tally", "shown"]

LINE_EVERY = 10.0
BAR_EVERY = 0.5
COUNTING_SHARE = 20.0


class Tally:
    """What is counted while a batch runs.

    Args:
        total: rollouts asked for.
        done: of these, those finished by an earlier call.
        passed: rollouts found right so far.
        judged: rollouts judged so far.
    """

    def __init__(self, total: int, done: int, passed: int, judged: int) -> None:
        """Start counting, and the clock."""
        self.total = total
        self.done = done
        self.passed = passed
        self.judged = judged
        self.failed = 0
        self.first_failure: str | None = None
        self.speed = 0.0
        """Sampled tokens a second since the start."""
        self._done_before = done
        self._started = time.monotonic()

    def finished(self, passed: bool | None) -> None:
        """Count a rollout that was judged."""
        self.done += 1
        self.judged += passed is not None
        self.passed += passed is True

    def failed_with(self, error: str) -> None:
        """Count a rollout that failed."""
        self.done += 1
        self.failed += 1
        self.first_failure = self.first_failure or error

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def facts(self) -> str:
        """Accuracy, speed and the time left, each where it is known."""
        parts = [f"{100 * self.passed / self.judged:.1f} % right"] if self.judged else []
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.speed >= 1:
            parts.append(f"{self.speed:,.0f} tokens/s")
        fresh = self.done - self._done_before
        if fresh and self.done < self.total:
            left = self.elapsed / fresh * (self.total - self.done)
            parts.append(f"{timedelta(seconds=round(left))} left")
        return ", ".join(parts)


class Display(Protocol):
    """Where a tally is shown."""

    every: float

    def show(self, tally: Tally) -> None:
        """Show it now."""

    def close(self, tally: Tally) -> None:
        """Show it for the last time."""


class Bar:
    """A bar on a terminal."""

    every = BAR_EVERY

    def __init__(self, console: Console, total: int) -> None:
        columns = (
            TextColumn("rollouts"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}", markup=False),
        )
        self._progress = RichProgress(*columns, console=console, auto_refresh=False)
        self._task = self._progress.add_task("rollouts", total=total, facts="")
        self._progress.start()

    def show(self, tally: Tally) -> None:
        """See `Display.show`."""
        self._progress.update(self._task, completed=tally.done, facts=tally.facts(), refresh=True)

    def close(self, tally: Tally) -> None:
        """See `Display.close`."""
        self.show(tally)
        self._progress.stop()


class Lines:
    """Lines in a log."""

    every = LINE_EVERY

    def show(self, tally: Tally) -> None:
        """See `Display.show`."""
        print(
            f"tutelage: {tally.done}/{tally.total} rollouts, {tally.facts()}".rstrip(", "),
            file=sys.stderr,
            flush=True,
        )

    def close(self, tally: Tally) -> None:
        """See `Display.close`; a batch shorter than one line's time says nothing."""
        if tally.elapsed >= self.every:
            self.show(tally)


@asynccontextmanager
async def shown(tally: Tally, tokens: Callable[[], Mapping[str, TokenCount]]) -> AsyncIterator[None]:
    """Show a tally while the block runs.

    Args:
        tally: what to show.
        tokens: counts the record's tokens by role.
    """
    console = Console(stderr=True)
    display: Display = Bar(console, tally.total) if console.is_terminal else Lines()
    before = _sampled(tokens)
    watching = asyncio.create_task(_watch(display, tally, tokens, before))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError, StoreError):
            await watching
        with suppress(StoreError):
            tally.speed = (_sampled(tokens) - before) / tally.elapsed
        display.close(tally)
        if tally.first_failure:
            first = tally.first_failure.splitlines()[0][:300]
            print(
                f"tutelage: {tally.failed} rollouts failed; the first: {ascii(first)[1:-1]}", file=sys.stderr
            )


async def _watch(
    display: Display, tally: Tally, tokens: Callable[[], Mapping[str, TokenCount]], before: int
) -> None:
    pause = display.every
    while True:
        await asyncio.sleep(pause)
        started = time.monotonic()
        tally.speed = (await asyncio.to_thread(_sampled, tokens) - before) / tally.elapsed
        display.show(tally)
        pause = max(display.every, COUNTING_SHARE * (time.monotonic() - started))


def _sampled(tokens: Callable[[], Mapping[str, TokenCount]]) -> int:
    return sum(each.completion for each in tokens().values())
