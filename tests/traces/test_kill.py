import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage import Task
from tutelage.errors import StoreError
from tutelage.traces import Run, Store, Turn

Say = Callable[..., Turn]

TASKS = 400
ROOT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("killed_writer.py")


@pytest.mark.slow
def test_killed_anywhere_and_resumed_nothing_is_lost_doubled_or_different() -> None:
    command = [sys.executable, "-m", "benchmarks", "kills", "--quick", "--kills", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert min(result["by_mode"].values()) >= 2
    assert result["violations"] == []
    assert (result["lost"], result["doubled"], result["damaged"], result["equal"]) == (0, 0, 0, True)


@pytest.mark.slow
def test_another_process_cannot_write_but_can_read_until_the_writer_dies(directory: Path) -> None:
    child = subprocess.Popen([sys.executable, WRITER, directory, str(TASKS)], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match="is being written by another process"):
            Store.open(directory)
        with Run.open(directory) as run:
            assert run.settings == {"count": TASKS}
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
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
        with Store.open(run.path).start_run(run.settings) as again:
            assert len(again.rollouts("abandoned")) == 1
    finally:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
