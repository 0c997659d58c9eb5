"""The processes that are killed: a batch, two that contend for a store, threads, readers, and a merge.

Each begins by telling its killer that it is up, listens to what the store acknowledges, and sets its trap.
"""

import itertools
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.killing.exports import exported, turns_of
from benchmarks.killing.ledger import Ledger
from benchmarks.killing.moments import Moment, Trap, set_trap
from benchmarks.killing.work import GRAPHS, digest, make_tasks, said, seeded, spoken
from tutelage import Sampling, Score, Task
from tutelage.errors import StoreError
from tutelage.graphs import rollout
from tutelage.tools import exact
from tutelage.traces import RolloutRecorder, Run, Store, merge_runs, upgrade_run

__all__ = ["TARGETS", "Job"]

THREADS = 4
TURNS = 6
BUSY = "is being written by another process"


@dataclass(frozen=True, slots=True)
class Job:
    """What a child is to do, and how it is to die if it is to kill itself."""

    store: Path
    ledger: Path
    graph: str = "branching"
    tasks: int = 12
    repeats: int = 2
    size: int = 400
    """Characters of a completion at most."""
    part: tuple[int, int] = (0, 1)
    """(i, n): the i-th of n parts of the tasks."""
    source: tuple[Path, ...] = ()
    """The runs that are merged or copied."""
    exports: tuple[str, ...] = ()
    """The formats that are read when it is looked after."""
    moment: Moment | None = None
    counting: bool = False
    """Whether to count moments without dying at one."""


def started(job: Job, up: Connection) -> Trap:
    """Set the trap, listen, and tell the killer."""
    trap = trapped(job)
    Ledger(job.ledger, lambda: trap.reach("unheard")).listen()
    up.send_bytes(b"up")
    return trap


def trapped(job: Job) -> Trap:
    """The trap of a job; nothing is watched where nothing is to be counted or to die."""
    trap = Trap(job.moment)
    if job.moment is not None or job.counting:
        set_trap(trap)
    return trap


def ended(trap: Trap, up: Connection) -> None:
    """Tell how often each moment came by."""
    up.send(dict(trap.counts))


def batch(job: Job, up: Connection) -> None:
    """Roll a graph out over all tasks in one process."""
    trap = started(job, up)
    roll(job).close()
    ended(trap, up)


def roll(job: Job) -> Run:
    """The rollout of a job."""
    first, of = job.part
    return rollout(
        GRAPHS[job.graph](seeded(job.size)),
        make_tasks(job.tasks)[first::of],
        verifier=exact,
        store=job.store,
        repeats=job.repeats,
        concurrency=6,
        progress=False,
        name="killed",
    )


def contender(job: Job, up: Connection) -> None:
    """Roll out as `batch` does, whenever the other process lets go of the store."""
    trap = started(job, up)
    while True:
        try:
            roll(job).close()
        except StoreError as error:
            if BUSY not in str(error):
                raise
            time.sleep(0.005)
        else:
            break
    ended(trap, up)


def reader(job: Job, up: Connection) -> None:
    """Read and export everything that is recorded, again and again, until killed; what is finished never grows less."""
    trapped(job)
    up.send_bytes(b"up")
    finished: set[tuple[str, int]] = set()
    while True:
        try:
            run = Run.open(job.store)
        except StoreError as error:
            assert not finished, error
            time.sleep(0.005)
            continue
        with run:
            now = run.finished()
            assert finished <= now, "a finished rollout is gone"
            finished = now
            turns = [turn.id for turn in run.turns()]
            assert len(turns) == len(set(turns)), "a turn is read twice"
            for name in job.exports:
                rows = Counter(turn for row in exported(run, name) for turn in turns_of(row))
                assert not rows or max(rows.values()) == 1, f"a turn is exported twice to {name}"
            run.report()


def threads(job: Job, up: Connection) -> None:
    """Several threads record into one run by hand."""
    trap = started(job, up)
    with Store.open(job.store).start_run({"tasks": job.tasks, "repeats": job.repeats}, name="killed") as run:
        done = run.finished()
        waiting: queue.SimpleQueue[tuple[Task, int]] = queue.SimpleQueue()
        for task, repeat in itertools.product(make_tasks(job.tasks), range(job.repeats)):
            if (task.id, repeat) not in done:
                waiting.put((task, repeat))
        failures: list[BaseException] = []
        workers = [threading.Thread(target=work, args=(run, waiting, failures, job)) for _ in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failures:
            raise failures[0]
    ended(trap, up)


def work(
    run: Run, waiting: "queue.SimpleQueue[tuple[Task, int]]", failures: list[BaseException], job: Job
) -> None:
    """One thread: record rollouts until there are none left."""
    try:
        while True:
            record(run.begin(*waiting.get_nowait()), job.size)
    except queue.Empty:
        return
    except BaseException as error:
        failures.append(error)


def record(recorder: RolloutRecorder, size: int) -> None:
    """Record one rollout by hand: a chain of turns with two samples each, candidates, scores, an end."""
    rollout = recorder.rollout
    seed = f"{rollout.task.id} {rollout.repeat}"
    chance = random.Random(seed)
    parents: tuple[str, ...] = ()
    for at in range(TURNS):
        call = recorder.next_call()
        spoke = [spoken(said(f"{seed} {at} {sample}", size)) for sample in range(2)]
        turns = [
            recorder.turn(
                role=("solver", "reviewer")[at % 2],
                messages=({"role": "user", "content": f"{rollout.task.problem} {at}"},),
                completion=each.text,
                prompt_token_ids=range(at * 10),
                completion_token_ids=each.token_ids,
                logprobs=each.logprobs,
                sampling=Sampling(),
                model="by hand",
                policy="none",
                started=time.time(),
                seconds=0.0,
                call=call,
                sample=sample,
                parents=parents,
            )
            for sample, each in enumerate(spoke)
        ]
        parents = (turns[0].id,)
        candidate = recorder.candidate(turns[1].completion, turn_id=turns[1].id, round=at)
        score = Score(name="by hand", value=chance.random(), steps=(1.0, chance.random()))
        recorder.score(score, subject="candidate", subject_id=candidate.id)
        time.sleep(chance.uniform(0, 0.02))
    if digest(seed)[0] == "0":
        recorder.fail("this rollout fails for good")
    else:
        recorder.finish(str(chance.randint(0, 9)), {"seed": seed})


def merger(job: Job, up: Connection) -> None:
    """Merge shards into one run."""
    trap = started(job, up)
    merge_runs(job.source, job.store).close()
    ended(trap, up)


def copier(job: Job, up: Connection) -> None:
    """Copy a run into one file, unless that was done."""
    trap = started(job, up)
    if not job.store.exists():
        with Run.open(job.source[0]) as run:
            run.copy(job.store)
    ended(trap, up)


def upgrader(job: Job, up: Connection) -> None:
    """Bring a run of an older schema up to date."""
    trap = started(job, up)
    upgrade_run(job.store)
    ended(trap, up)


TARGETS: dict[str, Callable[[Job, Connection], None]] = {
    each.__name__: each for each in (batch, contender, copier, merger, reader, threads, upgrader)
}
"""The children by name."""
