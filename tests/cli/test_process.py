import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODEL = f"{Path(__file__).parent.parent / 'speaking_model.py'}:slow_model"
TASKS = "arithmetic:1:6:3"


def start(*arguments: str, cwd: Path, stdout: int | None = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "tutelage", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_help_and_import_are_quick(tmp_path: Path) -> None:
    for arguments in (["-c", "import tutelage"], ["-m", "tutelage", "--help"]):
        before = os.times()
        subprocess.run([sys.executable, "-P", *arguments], cwd=tmp_path, check=True, capture_output=True)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        assert spent < 0.5


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    process = start("tasks", "arithmetic:3:5000:0", cwd=tmp_path)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 1
    process.stderr.close()


@pytest.mark.slow
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        process = start("tasks", TASKS, cwd=tmp_path, stdout=full.fileno())
        _, err = process.communicate()
    assert process.returncode == 2
    assert err == "tutelage: the disk is full; free some space and give the same command again\n"


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    command = ["run", "arithmetic:1:40:3", "--model", MODEL, "--store", "a run", "--concurrency", "1"]
    process = start(*command, cwd=tmp_path)
    waited = time.monotonic() + 60
    while not (tmp_path / "a run" / "run.sqlite").exists() and time.monotonic() < waited:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert err.splitlines()[-1].endswith(f"go on with: tutelage {shlex.join(command)}")
    again = start(*command, "--json", cwd=tmp_path)
    out, err = again.communicate(timeout=120)
    assert json.loads(out)["rollouts"]["done"] == 40


@pytest.mark.slow
def test_a_real_engine_leaves_stdout_to_the_json(tmp_path: Path) -> None:
    command = ["run", TASKS, "--store", "run", "--max-tokens", "60", "--engine", "max_num_seqs=8", "--json"]
    process = start(*command, cwd=tmp_path)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["rollouts"]["done"] == 6
