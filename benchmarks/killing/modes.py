"""Who is killed: one process, threads, two that contend for a store, two on shards that are merged, and upkeep.

A mode measures an undisturbed run of each kind of work once, then fights campaigns against it.
"""

import random
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.killing.campaign import Campaign, Place, Story
from benchmarks.killing.child import Usual, undisturbed
from benchmarks.killing.children import Job
from benchmarks.killing.content import Content, content
from tutelage.traces import Run

__all__ = ["MODES", "Mode"]

KINDS: tuple[Mapping[str, Any], ...] = (
    {"graph": "branching"},
    {"graph": "self_refine"},
    {"graph": "branching", "tasks": 6, "size": 60_000},
)
"""Kinds of work; the last writes transactions that are large enough to be torn."""
READING = Usual(2.0, {"moving": 60, "tidying": 20})
"""A reader opens and closes the store many times, and closing is where it writes."""
SCHEMA_1 = Path(__file__).parents[2] / "tests" / "traces" / "schema_1" / "run.sqlite"
"""A run of the first schema."""


class Mode:
    """A way of working on stores; here: one process on one store.

    Args:
        folder: where the stores go.
        exports: the formats that are read after some of the deaths.
    """

    target = "batch"

    def __init__(self, folder: Path, exports: tuple[str, ...]) -> None:
        """See the class."""
        self.folder = folder
        self.exports = exports
        self._known: dict[int, tuple[Usual, Content]] = {}
        self._lock = threading.Lock()

    def fight(self, chance: random.Random, number: int) -> Story:
        """Fight one campaign; its number chooses the kind of work."""
        kind = number % len(KINDS)
        usual, wanted = self.usual(kind)
        return self.campaign(self.job(str(number), kind), usual, wanted, chance)

    def usual(self, kind: int) -> tuple[Usual, Content]:
        """An undisturbed run of a kind of work, measured once."""
        with self._lock:
            if kind not in self._known:
                job = self.job(f"undisturbed-{kind}", kind)
                usual = undisturbed(self.target, job)
                with Run.open(job.store) as run:
                    self._known[kind] = usual, content(run)
            return self._known[kind]

    def job(self, name: str, kind: int) -> Job:
        """A job with a folder of its own."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        return Job(folder / "run", folder / "ledger", exports=self.exports, **KINDS[kind])

    def campaign(self, job: Job, usual: Usual, wanted: Content, chance: random.Random) -> Story:
        """Kill until the job is done, and compare."""
        return alone(self.target, job, usual, wanted, chance)


class Threaded(Mode):
    """Several threads of one process record into one run."""

    target = "threads"


class Contenders(Mode):
    """Two processes want to write the same run and take turns; two more read it the whole time."""

    def campaign(self, job: Job, usual: Usual, wanted: Content, chance: random.Random) -> Story:
        """See `Mode.campaign`."""
        ledgers = [job.ledger.with_name(f"ledger-{at}") for at in range(2)]
        places = [Place("contender", replace(job, ledger=each), usual) for each in ledgers]
        places += [Place("reader", job, READING, endless=True) for _ in range(2)]
        campaign = Campaign(places, job.store.with_name("copy"), chance)
        campaign.fight()
        campaign.compare(wanted, job.store)
        return campaign.story


class Shards(Mode):
    """Two processes write a shard each; a third merges them, and is killed, too."""

    def campaign(self, job: Job, usual: Usual, wanted: Content, chance: random.Random) -> Story:
        """See `Mode.campaign`."""
        folder = job.store.parent
        half = Usual(usual.seconds / 2, {kind: count // 2 + 1 for kind, count in usual.moments.items()})
        shards = [
            replace(job, store=folder / f"shard-{at}", ledger=folder / f"ledger-{at}", part=(at, 2))
            for at in range(2)
        ]
        stores = tuple(each.store for each in shards)
        writing = Campaign([Place("batch", each, half) for each in shards], folder / "copy", chance)
        writing.fight()
        writing.compare(wanted, *stores)
        merge = replace(job, ledger=folder / "ledger-merge", source=stores)
        usual = undisturbed("merger", replace(merge, store=folder / "undisturbed"))
        merging = alone("merger", merge, usual, wanted, chance)
        writing.compare(wanted, *stores)
        return writing.story + merging


class Upkeep(Mode):
    """A run of an older schema is upgraded, then copied into one file."""

    def usual(self, kind: int) -> tuple[Usual, Content]:
        """See `Mode.usual`."""
        with self._lock:
            if kind not in self._known:
                job = self.job(f"undisturbed-{kind}", kind)
                usual = undisturbed("upgrader", job)
                with Run.open(job.store) as run:
                    self._known[kind] = usual, content(run)
            return self._known[kind]

    def job(self, name: str, kind: int) -> Job:
        """See `Mode.job`."""
        job = super().job(name, kind)
        job.store.mkdir()
        shutil.copy(SCHEMA_1, job.store / "run.sqlite")
        return job

    def campaign(self, job: Job, usual: Usual, wanted: Content, chance: random.Random) -> Story:
        """See `Mode.campaign`."""
        upgrading = alone("upgrader", job, usual, wanted, chance)
        folder = job.store.parent
        copy = replace(job, store=folder / "copied" / "run.sqlite", source=(job.store,))
        usual = undisturbed("copier", replace(copy, store=folder / "undisturbed" / "run.sqlite"))
        return upgrading + alone("copier", copy, usual, wanted, chance)


def alone(target: str, job: Job, usual: Usual, wanted: Content, chance: random.Random) -> Story:
    """The campaign of one child on one store."""
    campaign = Campaign([Place(target, job, usual)], job.store.with_name("copy"), chance)
    campaign.fight()
    campaign.compare(wanted, job.store)
    return campaign.story


MODES: dict[str, Callable[[Path, tuple[str, ...]], Mode]] = {
    "one_process": Mode,
    "threaded": Threaded,
    "two_processes": Contenders,
    "two_shards": Shards,
    "upkeep": Upkeep,
}
"""The modes by name."""
