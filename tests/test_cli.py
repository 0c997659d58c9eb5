import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.cli import main
from tutelage.traces import Run

MODEL = f"{Path(__file__).parent / 'speaking_model.py'}:model"
SLOW_MODEL = MODEL.replace(":model", ":slow_model")
TASKS = "arithmetic:1:6:3"

Answer = tuple[int, str, str]
Command = Callable[..., Answer]


@pytest.fixture
def tutelage(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in an empty directory; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Answer:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert isinstance(stopped.value.code, int)
        return (stopped.value.code, *capsys.readouterr())

    return call


def one_sentence(answer: Answer) -> str:
    code, out, err = answer
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("tutelage: ")
    return err


def test_tasks_are_printed_as_json_lines_that_the_command_reads_again(
    tutelage: Command, tmp_path: Path
) -> None:
    code, out, _ = tutelage("tasks", TASKS)
    Path("some.jsonl").write_text(out, "utf-8")
    assert (code, len(out.splitlines())) == (0, 6)
    assert tutelage("tasks", "some.jsonl")[1] == out


def test_a_split_can_be_asked_for(tutelage: Command) -> None:
    _, out, _ = tutelage("tasks", "arithmetic:2:1:0:heldout")
    assert json.loads(out)["id"] == "arithmetic-2-heldout-0-0"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ("arithmetic:9:1:0", "difficulty 9"),
        ("arithmetic:1:0:0", "count is 0"),
        ("arithmetic:1:x:0", "three whole numbers"),
        ("arithmetic:1:1:0:test", "train, dev, heldout"),
        ("geometry:1:1:0", "no known family"),
        ("nowhere.jsonl", "nowhere.jsonl"),
    ],
)
def test_wrong_tasks_are_one_sentence_and_exit_code_2(tutelage: Command, tasks: str, said: str) -> None:
    assert said in one_sentence(tutelage("tasks", tasks))


def test_a_run_is_reported_and_recorded(tutelage: Command) -> None:
    code, out, _ = tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    assert code == 0
    assert "family_answer: 0 of 6 right" in out
    with Run.open("runs/a") as run:
        assert len(run.rollouts("done")) == 6


def test_a_run_gives_its_numbers_as_json_alone_on_stdout(tutelage: Command) -> None:
    _, out, _ = tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--json")
    numbers = json.loads(out)
    assert numbers["path"] == "runs/a"
    assert numbers["rollouts"]["done"] == 6


def test_the_same_command_again_does_nothing_twice(tutelage: Command) -> None:
    again = ("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet", "--json")
    assert tutelage(*again)[1] == tutelage(*again)[1]


def test_another_setting_in_the_same_directory_is_refused(tutelage: Command) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    other = tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet", "--repeats", "2")
    assert "'repeats'" in one_sentence(other)


@pytest.mark.parametrize(
    "options",
    [
        ["one_shot"],
        ["majority_vote", "--samples", "3"],
        ["best_of_k", "--samples", "2", "--scorer", "judge"],
        ["self_refine", "--rounds", "1"],
        ["magicore", "--samples", "2", "--rounds", "1", "--scorer", "verifier"],
        ["tutoring", "--rounds", "1"],
        [MODEL.replace(":model", ":graph")],
    ],
    ids=lambda options: options[0].rpartition(":")[2],
)
def test_every_graph_runs_by_its_name_and_continues(tutelage: Command, options: list[str]) -> None:
    command = ("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet", "--json", "--graph", *options)
    code, out, err = tutelage(*command)
    assert (code, err) == (0, "")
    assert json.loads(out)["rollouts"]["done"] == 6
    assert tutelage(*command)[1] == out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--samples", "3"], "'one_shot' has no --samples"),
        (["--graph", "two_shot"], "unknown graph 'two_shot'"),
        (["--graph", "nowhere:graph"], "importing 'nowhere' fails"),
        (["--graph", "nowhere.py:graph"], "no file 'nowhere.py'"),
        (["--graph", MODEL.replace(":model", ":nothing")], "has no 'nothing'"),
        (["--graph", MODEL.replace(":model", ":number")], "a graph is a StateGraph"),
        (["--graph", "magicore", "--scale", "wide"], "--scale 'wide'"),
        (["--verifier", "oracle"], "unknown verifier 'oracle'"),
        (["--verifier", MODEL], "is no verifier"),
        (["--engine", "latency=0"], "is made already"),
        (["--model", "vllm:"], "is not understood"),
        (["--model", "somewhere"], "is not understood"),
        (["--model", MODEL.replace(":model", ":number")], "is no ChatModel"),
        (["--model", MODEL.replace(":model", ":make_model"), "--engine", "speed=9"], "speed"),
        (["--model", MODEL.replace(":model", ":make_model"), "--engine", "latency"], "not KEY=VALUE"),
        (["--model", "transformers:nowhere"], "nowhere"),
    ],
)
def test_what_a_person_can_mend_is_one_sentence(tutelage: Command, options: list[str], said: str) -> None:
    model = [] if "--model" in options else ["--model", MODEL]
    assert said in one_sentence(tutelage("run", TASKS, "--quiet", *model, *options))
    assert not Path("runs").exists()


def test_wrong_usage_is_told_without_a_traceback(tutelage: Command) -> None:
    code, out, err = tutelage("run")
    assert (code, out) == (2, "")
    assert "Missing argument 'TASKS'" in err
    assert "Traceback" not in err


def test_a_run_of_which_nothing_came_says_why_and_exits_1(tutelage: Command) -> None:
    model = MODEL.replace(":model", ":failing_model")
    code, _, err = tutelage("run", TASKS, "--model", model, "--store", "runs/a", "--quiet")
    assert code == 1
    assert "every rollout failed" in err
    assert "out of words" in err


def test_show_reports_what_run_recorded(tutelage: Command) -> None:
    _, told, _ = tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    assert tutelage("show", "runs/a")[1] in told
    assert json.loads(tutelage("show", "runs/a", "--json")[1])["tasks"] == 6
    assert "runs/b" in one_sentence(tutelage("show", "runs/b"))


def test_evaluate_takes_a_run_or_a_model(tutelage: Command) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    of_run = json.loads(tutelage("evaluate", "runs/a", "--json")[1])
    of_model = json.loads(tutelage("evaluate", MODEL, TASKS, "--quiet", "--json")[1])
    assert of_run["accuracy"] == of_model["accuracy"] == 0
    assert of_run["tasks"] == of_model["tasks"] == 6
    assert "family_answer" in tutelage("evaluate", "runs/a")[1]
    assert "TASKS" in one_sentence(tutelage("evaluate", MODEL))


def test_compare_pairs_two_runs_by_task(tutelage: Command) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        tutelage("run", f"arithmetic:1:6:{seed}", "--model", MODEL, "--store", f"runs/{name}", "--quiet")
    numbers = json.loads(tutelage("compare", "runs/a", "runs/b", "--json")[1])
    assert (numbers["difference"], numbers["p_value"], numbers["tasks"]) == (0, 1, 6)
    assert "p-value" in tutelage("compare", "runs/a", "runs/b")[1]
    assert "no task in common" in one_sentence(tutelage("compare", "runs/a", "runs/c"))


def test_distill_says_what_a_run_lacks(tutelage: Command) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    code, out, err = tutelage("distill", "runs/a", "--quiet")
    assert (code, out) == (2, "")
    assert "nothing to learn" in err
    assert "known are" in one_sentence(tutelage("distill", "runs/a", "--train", "speed=9"))
    assert "epochs" in one_sentence(tutelage("distill", "runs/a", "--train", "epochs=0"))


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
    command = ["run", "arithmetic:1:40:3", "--model", SLOW_MODEL, "--store", "a run", "--concurrency", "1"]
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
