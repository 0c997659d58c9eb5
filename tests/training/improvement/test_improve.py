import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import embedded_directory, open_model_directory
from tutelage.errors import StoreError
from tutelage.traces import Run

pytestmark = pytest.mark.slow

IMPROVER = Path(__file__).parent / "killed_improver.py"
BASE = open_model_directory(embedded_directory()).policy()


def command(tasks: int, *folders: Path) -> list[str]:
    return [sys.executable, "-P", str(IMPROVER), str(tasks), *map(str, folders)]


def improved(tasks: int, *folders: Path) -> list[dict[str, Any]]:
    done = subprocess.run(command(tasks, *folders), stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def finished(rollouts: Path) -> int:
    """How many rollouts are done; none where there is no run, or its first transaction is under way."""
    try:
        with Run.open(rollouts) as run:
            return len(run.finished())
    except StoreError:
        return 0


def kill_in_the_rollouts(folder: Path) -> int:
    """Kill the rounds when some rollouts of the first are done, and say how many."""
    rollouts = folder / "round-1" / "rollouts"
    with subprocess.Popen(command(4, folder), stdout=subprocess.DEVNULL) as child:
        try:
            while child.poll() is None and not finished(rollouts):
                time.sleep(0.01)
        finally:
            child.kill()
    return finished(rollouts)


def test_killed_rounds_come_to_the_same_policy_and_are_not_done_twice(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    assert 0 < kill_in_the_rollouts(killed) < 12
    gone_on, again, unkilled = improved(4, killed, killed, whole)
    assert gone_on == unkilled == again
    first, second = gone_on["versions"]
    assert first["policy"] == BASE != second["policy"]
    assert second["parents"] == [BASE]
    assert gone_on["speaks"] == gone_on["current"] == open_model_directory(killed / "best").policy()
    with Run.open(killed / "round-1" / "rollouts") as run:
        assert len(run.rollouts("done")) == 12
        assert second["truth"] == sum(
            row.score.passed is True for row in run.scores(subject="candidate")
        ) / len(run.candidates())
    (refused,) = improved(3, killed)
    assert "begun with" in refused["error"]
