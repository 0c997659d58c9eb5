"""Starting a child, ending it, and how it is to die.

Children come out of a fork server that has imported everything, so a resumption takes milliseconds and the kills land
in the work, not in imports.
"""

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait

from benchmarks.killing.children import TARGETS, Job
from benchmarks.killing.moments import MOMENTS, Moment

__all__ = ["Child", "Fate", "Usual", "draw_fate", "frozen", "undisturbed"]

PATIENCE = 120.0
"""Seconds after which a child that should have ended has hung."""
BY_ITSELF = 0.65
"""The share of the deaths that a child brings about itself."""
EARLY = 0.3
"""The share of the kills from outside that come while the store is being opened."""
OPENING = 0.03
"""Seconds that opening takes, amply."""
SOON = 0.35
"""Deaths come within this share of an undisturbed child's life, so that a run dies several times."""
RARE = {"schema": 0.5, "tidying": 0.3}
"""Moments that come late, or once only, are drawn less often."""

POLLING = threading.Lock()
"""Starting a process asks all others whether they have ended, which two threads must not do at once."""
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["benchmarks.killing.children", "tutelage.agents.connection", "tutelage.traces.export"]
)


@dataclass(frozen=True, slots=True)
class Usual:
    """The life of an undisturbed child."""

    seconds: float
    moments: Mapping[str, int]
    """How often each kind came by."""


@dataclass(frozen=True, slots=True)
class Fate:
    """How a child is to die: after some seconds at the latest, or at a moment before."""

    seconds: float
    moment: Moment | None = None


class Child:
    """A running child."""

    def __init__(self, target: str, job: Job, fate: Fate | None = None) -> None:
        """Start it and wait until it is up.

        Args:
            target: a name of `TARGETS`.
            job: what it does.
            fate: how it dies; `None` for a natural end.
        """
        self.target = target
        self.fate = fate
        self._hearing, up = CONTEXT.Pipe(duplex=False)
        job = replace(job, moment=fate.moment if fate else None)
        self._process = CONTEXT.Process(target=TARGETS[target], args=(job, up), daemon=True)
        with POLLING:
            self._process.start()
        up.close()
        with suppress(EOFError):
            self._hearing.recv_bytes()
        self.born = time.monotonic()
        self.pid = self._process.pid or 0
        self.sentinel = self._process.sentinel
        self.by_us = False

    @property
    def due(self) -> float:
        """When it is to be killed from outside."""
        return self.born + (self.fate.seconds if self.fate else PATIENCE)

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; `None` while it lives."""
        with POLLING:
            return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL and wait for its end."""
        self.by_us = self.code is None
        send([self.pid], signal.SIGKILL)
        wait([self.sentinel])

    def death(self) -> str | None:
        """The kind of moment at which it was killed, "random" from outside; `None` if it ended otherwise."""
        if self.code != -signal.SIGKILL:
            return None
        return "random" if self.by_us or self.fate is None or not self.fate.moment else self.fate.moment.kind

    def counts(self) -> dict[str, int]:
        """How often each moment came by, once it has ended by itself."""
        counts: dict[str, int] = self._hearing.recv()
        return counts


def draw_fate(chance: random.Random, usual: Usual, *, first: bool) -> Fate:
    """Draw how a child dies.

    Args:
        chance: the source of it.
        usual: an undisturbed life of its kind.
        first: whether it makes the store.
    """
    if chance.random() < BY_ITSELF:
        kinds = [kind for kind in MOMENTS if usual.moments.get(kind) and (first or kind != "schema")]
        kind = chance.choices(kinds, [RARE.get(each, 1.0) for each in kinds])[0]
        at = 1 + int(usual.moments[kind] * chance.uniform(0, SOON) * chance.random())
        return Fate(usual.seconds, Moment(kind, at))
    if chance.random() < EARLY:
        return Fate(chance.uniform(0, OPENING))
    return Fate(chance.uniform(0, SOON * usual.seconds))


def undisturbed(target: str, job: Job) -> Usual:
    """Let a child live out its life.

    Raises:
        RuntimeError: it failed or hung; its traceback is on standard error.
    """
    child = Child(target, replace(job, counting=True))
    wait([child.sentinel], PATIENCE)
    seconds = time.monotonic() - child.born
    if child.code != 0:
        child.kill()
        raise RuntimeError(f"an undisturbed {target!r} ended with {child.code}")
    return Usual(seconds, child.counts())


@contextmanager
def frozen(children: Sequence[Child]) -> Iterator[None]:
    """Stop some children where they are, so that what they write can be copied as of one moment."""
    living = [child.pid for child in children if child.code is None]
    send(living, signal.SIGSTOP)
    time.sleep(0.002 if living else 0)
    try:
        yield
    finally:
        send(living, signal.SIGCONT)


def send(processes: Sequence[int], what: signal.Signals) -> None:
    """Signal those that still live."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, what)
