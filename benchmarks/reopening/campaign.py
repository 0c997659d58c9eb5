"""One session through many deaths: killed, looked at, opened again, killed again, now and then while it opens."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from benchmarks.killing.moments import Moment
from benchmarks.reopening.audit import Findings, audit
from benchmarks.reopening.ledger import lines
from benchmarks.reopening.person import Life, live

__all__ = ["Story", "fight"]

DEATHS = 8
"""Of one session."""
EARLY = 0.25
"""The share of the kills that come while the session is being opened."""
BY_ITSELF = 0.35
"""The share of the deaths at a chosen moment inside SQLite's work."""
MOMENTS = {"commit": 60, "begin": 60, "statement": 100}
"""Kinds of chosen moments, and how many of them pass by in a life at least."""
OPENING = 0.4
"""Seconds that opening takes about."""
LIFE = 2.5
"""Seconds that a life lasts at most, opening not counted."""
PATIENCE = 120.0
"""Seconds after which a child that acknowledges nothing has hung."""

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["benchmarks.reopening.person", "tutelage.agents.connection"])


@dataclass
class Story:
    """What happened to some sessions."""

    kills: Counter[str] = field(default_factory=Counter)
    """By the moment: "opening", "acting", or a kind of moment in SQLite."""
    actions: Counter[str] = field(default_factory=Counter)
    """What was under way."""
    findings: Findings = field(default_factory=Findings)
    errors: list[str] = field(default_factory=list)
    """Children that ended by themselves."""

    def __add__(self, other: "Story") -> "Story":
        """Both stories as one."""
        return Story(
            self.kills + other.kills,
            self.actions + other.actions,
            self.findings + other.findings,
            self.errors + other.errors,
        )


def fight(folder: Path, seed: str, deaths: int = DEATHS) -> Story:
    """Kill one session again and again.

    Args:
        folder: Where it lies.
        seed: Of all draws; timing stays the machine's.
        deaths: How often.
    """
    folder.mkdir(parents=True)
    chance, story = random.Random(seed), Story()
    for number in range(deaths):
        life = Life(folder / "session", folder / "ledger", f"{seed} {number}", drawn(chance))
        known = len(list(lines(life.ledger)))
        code = died(life, chance)
        if code != -signal.SIGKILL:
            story.errors.append(f"a child ended with {code}")
            break
        opened = len(list(lines(life.ledger))) > known
        story.kills["opening" if not opened else life.moment.kind if life.moment else "acting"] += 1
        last = list(lines(life.ledger))[-1:]
        story.actions[last[0].get("action", last[0]["kind"]) if last else "nothing"] += 1
        story.findings += audit(life.store, life.ledger, folder / "copy")
    return story


def drawn(chance: random.Random) -> Moment | None:
    """A moment in SQLite's work, or none."""
    if chance.random() >= BY_ITSELF:
        return None
    kind = chance.choice(sorted(MOMENTS))
    return Moment(kind, chance.randint(1, MOMENTS[kind]))


def died(life: Life, chance: random.Random) -> int | None:
    """Let a child live and kill it; its exit code."""
    hearing, up = CONTEXT.Pipe(duplex=False)
    child = CONTEXT.Process(target=live, args=(life, up), daemon=True)
    child.start()
    up.close()
    with suppress(EOFError):
        hearing.recv_bytes()
    early = chance.random() < EARLY
    wait([child.sentinel], chance.uniform(0, OPENING) if early else OPENING + chance.uniform(0, LIFE))
    if child.pid is not None and child.exitcode is None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    begun = time.monotonic()
    while child.exitcode is None and time.monotonic() < begun + PATIENCE:
        wait([child.sentinel], 1.0)
    return child.exitcode
