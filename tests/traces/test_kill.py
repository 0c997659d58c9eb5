import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage import Task
from tutelage.errors import StoreError
from tutelage.traces import Run, Store, Turn

Say = Callable[..., Turn]

TASKS = 400
TURNS = 6
KILLS = 12
WRITER = Path(__file__).with_name("killed_writer.py")


def start(directory: Path) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen([sys.executable, WRITER, directory, str(TASKS)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    return child


def heard(child: "subprocess.Popen[bytes]", seconds: float) -> tuple[list[str], bool]:
    """Kill the child unless it ends before; give what it said it had recorded and whether it was killed."""
    assert child.stdout is not None
    killer = threading.Timer(seconds, child.kill)
    killer.start()
    said = child.stdout.read().decode().splitlines()
    child.stdout.close()
    killed = child.wait() == -signal.SIGKILL
    killer.cancel()
    killer.join()
    return said, killed


@pytest.mark.slow
def test_killed_anywhere_and_started_again_every_rollout_is_there_exactly_once(directory: Path) -> None:
    chance = random.Random(0)
    said: list[str] = []
    kills, ended = 0, False
    while not ended:
        lines, killed = heard(start(directory), chance.uniform(0.0, 0.06) if kills < KILLS else 60.0)
        said += lines
        kills += killed
        ended = not killed
        with Run.open(directory) as run:
            assert len(run.rollouts("running")) <= 1
    assert kills >= 4
    with Run.open(directory) as run:
        done = run.rollouts()
        assert Counter((rollout.task.id, rollout.repeat) for rollout in done) == {
            (f"t{number}", 0): 1 for number in range(TASKS)
        }
        assert {rollout.status for rollout in done} == {"done"}
        assert all([turn.call for turn in run.turns(rollout.id)] == list(range(TURNS)) for rollout in done)
        assert len(run.turns()) == TASKS * TURNS
        assert len(run.scores()) == TASKS
        lost = run.rollouts("abandoned")
        assert 0 < len(lost) <= kills
        recorded = {turn.id for rollout in (*done, *lost) for turn in run.turns(rollout.id)}
        assert {line[5:] for line in said if line.startswith("turn ")} <= recorded
        assert {line[5:] for line in said if line.startswith("done ")} <= {rollout.id for rollout in done}
    connection = sqlite3.connect(directory / "run.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.slow
def test_another_process_cannot_write_but_can_read_until_the_writer_dies(directory: Path) -> None:
    child = start(directory)
    child.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match="is being written by another process"):
            Store.open(directory)
        with Run.open(directory) as run:
            assert run.settings == {"count": TASKS}
    finally:
        heard(child, 0)
    Store.open(directory).close()


def hold(ready: "multiprocessing.synchronize.Event", run: Run) -> None:
    try:
        run.turns()
    except StoreError:
        ready.set()
    time.sleep(60)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_neither_uses_the_run_nor_keeps_its_lock(run: Run, task: Task, say: Say) -> None:
    assert run.path is not None
    context = multiprocessing.get_context("fork")
    refused = context.Event()
    child = context.Process(target=hold, args=(refused, run))
    child.start()
    try:
        assert refused.wait(20)
        say(run.begin(task))
        run.close()
        with Store.open(run.path).run() as again:
            assert len(again.rollouts("abandoned")) == 1
    finally:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
