import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tutelage.traces import Run

BATCH = Path(__file__).parent / "killed_batch.py"


def start(directory: Path, latency: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", str(BATCH), str(directory), str(latency)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def calls(directory: Path) -> list[str]:
    log = directory / "calls.log"
    return log.read_text().split() if log.exists() else []


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_batch_that_was_stopped_continues_and_repeats_nothing(tmp_path: Path, how: signal.Signals) -> None:
    child = start(tmp_path, 0.1)
    deadline = time.monotonic() + 300
    while len(calls(tmp_path)) < 12 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(how)
    _, said = child.communicate(timeout=300)
    assert child.returncode == -how
    assert ("KeyboardInterrupt" in said) == (how is signal.SIGINT)

    with Run.open(tmp_path / "run") as run:
        finished = {each.task.problem for each in run.rollouts("done")}
        if how is signal.SIGINT:
            assert not run.rollouts("running")
    assert 4 <= len(finished) < 60
    before = calls(tmp_path)

    again = start(tmp_path, 0.0)
    out, said = again.communicate(timeout=300)
    assert (again.returncode, out.strip()) == (0, "60"), said
    after = calls(tmp_path)[len(before) :]
    assert not finished & set(after)
    assert finished | set(after) == {f"p{at}" for at in range(60)}
    assert len(after) == 60 - len(finished)
    with Run.open(tmp_path / "run") as run:
        assert len(run.turns()) == 60
        assert run.summary()["scores"]["exact"]["passed"] == 60
