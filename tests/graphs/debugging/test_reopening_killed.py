"""A session whose process was killed opens again where it was."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tutelage.graphs import debug

ROOT = Path(__file__).parents[3]
CHILD = Path(__file__).with_name("killed_session.py")


def graph(log: Path) -> Any:
    found = importlib.util.spec_from_file_location("killed_session", CHILD)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.graph(log)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 1, 3, 6, 8, 9])
def test_killed_at_a_stop_it_stands_there_and_executes_nothing_twice(tmp_path: Path, steps: int) -> None:
    child = subprocess.Popen([sys.executable, CHILD, tmp_path, str(steps)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    where = child.stdout.readline().decode().strip()
    child.kill()
    child.wait()
    child.stdout.close()
    log = tmp_path / "log"
    before = log.read_text() if log.exists() else ""
    for _ in range(2):
        with debug(graph(log), store=tmp_path / "session") as session:
            stop = session.stop
            assert stop is not None and f"{stop.when} {stop.visit.key}" == where
            assert (log.read_text() if log.exists() else "") == before or stop.when == "prompt"
            if steps > 2:
                assert session.branch == "trunk"
                assert session.state["hint"] == "edited"
                assert [each.kind for each in session.lessons()] == ["accept"]
                assert [(each.node, each.at) for each in session.breakpoints()] == [("check", "before")]
    with debug(graph(log), store=tmp_path / "session") as session:
        while session.stop is not None:
            session.go()
        assert (session.status, session.state["answer"]) == ("done", "answer: write p")
        assert len(session.run_record.turns()) == 2
    asked = [each for each in log.read_text().splitlines() if each.startswith("asked")]
    assert asked == ["asked draft p", "asked write p"]
    with debug(graph(log), store=tmp_path / "session") as session:
        assert session.status == "done"
        assert [each for each in log.read_text().splitlines() if each.startswith("asked")] == asked


@pytest.mark.slow
def test_killed_at_random_and_again_while_it_opens_nothing_is_lost_or_done_twice() -> None:
    command = [sys.executable, "-m", "benchmarks", "sessions", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["kills"] >= 8
    assert result["violations"] == []
    assert (result["lost"], result["doubled"], result["damaged"], result["errors"]) == (0, 0, 0, 0)
    assert result["reopened_where_it_was"] == result["reopened"] > 0
