import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tutelage import Sampling, Score, Task
from tutelage.graphs.debugging.teaching import lessons
from tutelage.traces import Run, Store, Turn

ROOT = Path(__file__).parents[3]
WRITER = Path(__file__).with_name("killed_teacher.py")
TRAINING = Path(__file__).with_name("taught_training.py")


def solve(run: Run, number: int) -> Turn:
    """A rollout of one wrong answer."""
    recorder = run.begin(Task(id="t1", problem="What is 6 times 7?", reference="42"), number)
    turn = recorder.turn(
        role="solver",
        node="solver",
        messages=[{"role": "user", "content": "What is 6 times 7?"}],
        completion=f"answer: {number}",
        sampling=Sampling(),
        model="vllm:DIR",
        policy="p1",
        started=1_750_000_000.0,
        seconds=0.5,
    )
    recorder.score(Score(name="exact", value=0.0, passed=False))
    recorder.finish(turn.completion, {})
    return turn


@pytest.mark.slow
def test_a_killed_teacher_leaves_whole_lessons_and_all_that_it_was_told_of(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    chance = random.Random(0)
    with Store.open(directory).start_run({"verifier": {"kind": "Exact", "name": "exact"}}) as run:
        turns = [solve(run, at) for at in range(400)]
    told: set[str] = set()
    for _ in range(8):
        child = subprocess.Popen([sys.executable, WRITER, directory], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(0.05 + 0.3 * chance.random())
        os.kill(child.pid, signal.SIGKILL)
        lines = child.stdout.read().split(b"\n")
        child.wait()
        child.stdout.close()
        told |= {line.decode() for line in lines[:-1]}
    with Run.open(directory) as run:
        found = {lesson.others[0]: lesson for lesson in lessons(run)}
        assert told <= found.keys()
        assert 8 < len(found) <= len(turns)
        assert len(run.rollouts("abandoned")) == len(found)
        pairs = {row["turn_id"]: row["rejected_turn_id"] for row in run.export("dpo", taught=True)}
        assert pairs == {made: lesson.turn_id for made, lesson in found.items()}
        assert len(list(run.export("kto", taught=True))) == 2 * len(found)
        assert len(list(run.export("sft", taught=True, deduplicate=False))) == len(found)


@pytest.mark.slow
def test_each_kind_of_row_is_read_by_its_trainer(tmp_path: Path) -> None:
    command = [sys.executable, str(TRAINING), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"sft", "sft/tokens", "dpo", "reward", "kto", "prm"}
    for name, numbers in found.items():
        assert numbers["rows"] > 1, name
        assert numbers["loss"] == pytest.approx(numbers["independent"], rel=1e-4, abs=1e-6)
        assert numbers["loss_matches"] and numbers["updated"] and numbers["lineage_survives"], name
