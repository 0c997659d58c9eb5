"""Whatever a store is called, there is a run, or one sentence that says why there is none."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.agents import scripted
from tutelage.errors import StoreError
from tutelage.graphs import one_shot, rollout
from tutelage.graphs.debugging import debug, is_session
from tutelage.tools import exact
from tutelage.traces import Run, Store
from tutelage.types import Task

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]

SPEAKER = Path(__file__).parent.parent / "speaking_model.py"
MODEL = f"{SPEAKER}:model"
TASKS = "arithmetic:1:1:0"
TASK = Task(id="t", problem="p", reference="1")
ODD = {
    "a zero": ("a\0b", "no file's name can hold"),
    "half a character": ("a\ud800b", "no file's name can hold"),
    "a long name": ("x" * 300, "file name too long"),
    "a long path": ("d/" * 2100 + "e", "file name too long"),
    "a file": ("file/sub", "not a directory"),
}
STORES: dict[str, Callable[[str], object]] = {
    "rollout": lambda path: rollout(
        one_shot(scripted(["1"])), [TASK], verifier=exact, store=path, progress=False
    ),
    "debug": lambda path: debug(one_shot(scripted(["1"])), TASK, store=path),
    "run": lambda path: debug(one_shot(scripted(["1"])), run=path),
    "read": Run.open,
    "write": Store.open,
}


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no run")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("opens", STORES)
def test_no_path_gives_anything_but_a_sentence(opens: str, odd: str) -> None:
    path, why = ODD[odd]
    with pytest.raises(StoreError) as refused:
        STORES[opens](path)
    if "file/" not in path:
        assert why in str(refused.value)
    assert len(str(refused.value)) < 300
    assert not is_session(path)


@pytest.mark.parametrize("opens", STORES)
def test_an_empty_path_is_not_the_working_directory(opens: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="'' names no directory"):
        STORES[opens]("")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "command",
    [
        ["run", TASKS, "--model", MODEL, "--store", "?"],
        ["debug", TASKS, "--model", MODEL, "--store", "?"],
        ["debug", "?", "--model", MODEL],
        ["debug", "--attach", "?"],
        ["studio", "?"],
        ["studio", "--task", TASKS, "--model", MODEL, "--store", "?"],
        ["studio", "?", "--save", "page.html"],
        ["runs", "?"],
        ["show", "?"],
        ["sql", "?", "select 1"],
        ["score", "?", "--verifier", "exact"],
        ["teach", "?", "turn"],
        ["evaluate", "?"],
        ["compare", "?", "?"],
        ["distill", "?", "--out", "out"],
        ["export", "?", "--to", "sft", "--out", "-"],
        ["merge", "merged", "?"],
        ["copy", "?", "copy"],
        ["upgrade", "?"],
        ["tasks", "?"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_command_says_one_sentence(
    tutelage: Command, sentence: Sentence, command: list[str], odd: str
) -> None:
    assert sentence(tutelage(*(ODD[odd][0] if each == "?" else each for each in command)))


def test_a_problem_may_be_longer_than_a_files_name(tutelage: Command, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("p len(problem)\n")
    problem = "What is 1 + 1? " * 40
    code, out, _ = tutelage("debug", problem, "--model", MODEL, "--batch", "lines")
    assert (code, "\n600\n" in out) == (0, True)


AS_NOBODY = """
import os, sys
from tutelage.cli.entry import run_command
good, closed, *command = sys.argv[1:]
assert run_command([*command, "--store", good]) == 0, "what is loaded late lies where nobody may read"
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(run_command([*command, "--store", closed]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", [["run", TASKS, "--json"], ["debug", TASKS]])
def test_a_directory_that_may_not_be_written_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    line = [sys.executable, "-P", "-c", AS_NOBODY, "good", str(closed / "a"), *command, "--model", MODEL]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2
    assert last.startswith("tutelage: ") and "ermission denied" in last
    assert "Traceback" not in done.stderr
