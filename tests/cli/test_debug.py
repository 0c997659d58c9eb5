import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.agents import scripted
from tutelage.cli.terminal import interact
from tutelage.cli.terminal.places import NAME, history_file, startup_files
from tutelage.graphs import one_shot as graph
from tutelage.graphs.debugging import debug as session_of
from tutelage.graphs.debugging import is_session

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]

SPEAKER = Path(__file__).parent.parent / "speaking_model.py"
MODEL = f"{SPEAKER}:model"
TASKS = "arithmetic:1:3:3"


@pytest.fixture
def batch(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of lines and gives its name."""

    def write(*lines: str) -> str:
        (tmp_path / "lines").write_text("\n".join(lines))
        return "lines"

    return write


def debug(tutelage: Command, lines: str, *arguments: str) -> Answer:
    return tutelage("debug", TASKS, "--model", MODEL, "--batch", lines, *arguments)


def test_a_file_of_lines_is_executed_and_the_session_kept(
    tutelage: Command, batch: Callable[..., str], tmp_path: Path
) -> None:
    lines = batch("b after solver", "c", "p answer")
    code, out, err = debug(tutelage, lines, "--graph", "self_refine", "--store", "kept")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "> before solver  visit 1, main: start",
        "(tutelage) b after solver",
        "breakpoint 1: after solver",
        "(tutelage) c",
        *out.splitlines()[4:-3],
        "(tutelage) p answer",
        "'0'",
        "kept in kept; open it again with: tutelage debug kept",
    ]
    assert is_session(tmp_path / "kept")


def test_a_kept_session_opens_where_it_was_without_its_options(
    tutelage: Command, batch: Callable[..., str]
) -> None:
    debug(tutelage, batch("b after solver", "c", "fork other"), "--graph", "self_refine", "--store", "kept")
    code, out, _ = tutelage("debug", "kept", "--batch", batch("b", "n"))
    assert code == 0
    assert out.splitlines()[0].startswith("> after solver  visit 1, other")
    assert "breakpoint 1: after solver" in out
    assert "> before reviewer" in out


def test_every_reply_is_a_json_line(tutelage: Command, batch: Callable[..., str]) -> None:
    code, out, _ = debug(tutelage, batch("n", "branches", "nonsense", "p 1"), "--json")
    replies = [json.loads(line) for line in out.splitlines()]
    assert [each["line"] for each in replies] == ["", "n", "branches", "nonsense", "quit"]
    assert [each["ok"] for each in replies] == [True, True, True, False, True]
    assert replies[2]["data"][0]["name"] == "main"
    assert replies[-1]["ended"] and replies[-1]["data"]["again"].startswith("tutelage debug runs/debug-")
    assert code == 1


def test_a_refused_line_ends_a_file_with_exit_code_1(tutelage: Command, batch: Callable[..., str]) -> None:
    code, out, _ = debug(tutelage, batch("b nowhere", "p 'unreached'"))
    assert code == 1
    assert "no node 'nowhere'" in out
    assert "unreached" not in out


def test_lines_come_from_a_pipe_and_a_refused_one_is_remembered(
    tutelage: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text("b nowhere\np 1 + 1\n")
    with (tmp_path / "lines").open() as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        code, out, _ = tutelage("debug", TASKS, "--model", MODEL)
    assert code == 1
    assert "\n2\n" in out


def test_a_problem_in_words_is_a_task(tutelage: Command, batch: Callable[..., str]) -> None:
    code, out, _ = tutelage("debug", "What is 3 + 4?", "--model", MODEL, "--batch", batch("p problem"))
    assert code == 0
    assert "'What is 3 + 4?'" in out


def test_a_task_is_chosen_by_its_id(tutelage: Command, batch: Callable[..., str], sentence: Sentence) -> None:
    code, out, _ = debug(tutelage, batch("p task['id']"), "--task", "arithmetic-1-train-3-2")
    assert (code, "'arithmetic-1-train-3-2'" in out) == (0, True)
    assert "has no task 'none'" in sentence(debug(tutelage, batch("q"), "--task", "none"))


def test_a_stored_rollout_is_replayed_without_naming_its_graph(
    tutelage: Command, batch: Callable[..., str], tmp_path: Path
) -> None:
    tutelage(
        "run",
        TASKS,
        "--graph",
        "self_refine",
        "--rounds",
        "1",
        "--model",
        MODEL,
        "--store",
        "first",
        "--quiet",
    )
    lines = batch("n", "p answer", "hist")
    code, out, err = tutelage("debug", "first", "--model", MODEL, "--batch", lines, "--store", "kept")
    assert (code, err) == (0, "")
    assert "'0'" in out
    code, out, _ = tutelage(
        "debug", "first", "arithmetic-1-train-3-1", "--model", MODEL, "--batch", batch("p problem")
    )
    assert code == 0


def test_a_failed_rollout_is_looked_at_where_it_failed(tutelage: Command, batch: Callable[..., str]) -> None:
    failing = f"{SPEAKER}:failing_model"
    tutelage("run", TASKS, "--model", failing, "--store", "first", "--quiet")
    code, out, _ = tutelage("debug", "first", "--model", failing, "--batch", batch("w"))
    assert code == 0
    assert out.splitlines()[0].startswith("> at an error of solver")
    assert "out of words" in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["debug"], "say what to debug"),
        (["debug", "nowhere"], "no such file, and no known family"),
        (["debug", TASKS, "rollout"], "is no recorded run"),
        (["debug", TASKS, "--graph", "nothing"], "unknown graph 'nothing'"),
        (["debug", "--attach", "nowhere"], "nobody offers control"),
    ],
)
def test_what_cannot_be_debugged_is_one_sentence(
    tutelage: Command, sentence: Sentence, arguments: list[str], why: str
) -> None:
    assert why in sentence(tutelage(*arguments))


def test_a_kept_session_takes_no_other_task(
    tutelage: Command, batch: Callable[..., str], sentence: Sentence
) -> None:
    debug(tutelage, batch("q"), "--store", "kept")
    assert "is a kept session" in sentence(tutelage("debug", "kept", "rollout"))


def test_start_up_files_of_others_are_not_read(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    assert list(startup_files(home, here)) == []
    for folder in (home, here):
        (folder / NAME).write_text("b error\n")
    assert list(startup_files(home, here)) == [(home / NAME, None), (here / NAME, None)]
    assert list(startup_files(home, home)) == [(home / NAME, None)]
    (here / NAME).chmod(0o666)
    ((_, mine), (_, why)) = startup_files(home, here)
    assert mine is None
    assert why is not None and "can be written by others" in why
    (here / NAME).chmod(0o644)
    here.chmod(0o777)
    assert [why is None for _, why in startup_files(home, here)] == [True, False]


def test_the_history_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = history_file()
    assert path == tmp_path / "state" / "tutelage" / "debug-history"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/no")
    assert history_file() is None


def test_interact_stands_in_any_program_and_can_be_switched_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text("p problem\n")
    with (tmp_path / "lines").open() as pipe, session_of(graph(scripted(["2"])), "What is 1+1?") as session:
        monkeypatch.setattr("sys.stdin", pipe)
        monkeypatch.setenv("TUTELAGE_DEBUG", "0")
        interact(session)
        assert capsys.readouterr().out == ""
        monkeypatch.delenv("TUTELAGE_DEBUG")
        interact(session)
    assert "'What is 1+1?'" in capsys.readouterr().out


@pytest.mark.slow
def test_a_running_batch_is_broken_into_and_let_go_on(tmp_path: Path) -> None:
    slow = f"{SPEAKER}:slow_model"
    command = [sys.executable, "-P", "-m", "tutelage"]
    run = [*command, "run", "arithmetic:1:60:3", "--model", slow, "--store", "first", "--concurrency", "2"]
    (tmp_path / "lines").write_text("status\nps\npick next\nw\nc\nq\n")
    with subprocess.Popen([*run, "--quiet"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as batch:
        attach = [*command, "debug", "--attach", "first", "--batch", "lines", "--json"]
        deadline = time.monotonic() + 60
        while (done := subprocess.run(attach, cwd=tmp_path, capture_output=True, text=True)).returncode == 2:
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.2)
        out, _ = batch.communicate(timeout=120)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["line"] for each in replies] == ["", "status", "ps", "pick next", "w", "c", "q"]
    assert all(each["ok"] for each in replies)
    assert replies[4]["data"]["frames"]
    assert batch.returncode == 0
    assert "60 rollouts" in out or "60" in out
