import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.traces import Run

MODEL = f"{Path(__file__).parent.parent / 'speaking_model.py'}:model"
TASKS = "arithmetic:1:6:3"

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


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


def test_another_setting_in_the_same_directory_is_refused(tutelage: Command, sentence: Sentence) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet")
    other = tutelage("run", TASKS, "--model", MODEL, "--store", "runs/a", "--quiet", "--repeats", "2")
    assert "'repeats'" in sentence(other)


@pytest.mark.parametrize(
    "options",
    [
        ["one_shot"],
        ["majority_vote", "--samples", "3"],
        ["majority_vote", "--samples", "2", "--scorer", "exact"],
        ["best_of_k", "--samples", "2", "--scorer", "judge"],
        ["self_refine", "--rounds", "1"],
        ["magicore", "--samples", "2", "--rounds", "1", "--scorer", "verifier"],
        ["tutoring", "--rounds", "1"],
        [MODEL.replace(":model", ":graph")],
    ],
    ids=lambda options: " ".join([options[0].rpartition(":")[2], *options[1:]]),
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
        (["--graph", MODEL.replace(":model", ":number")], "is neither a graph"),
        (["--graph", "best_of_k", "--scorer", "oracle"], "scorer: unknown verifier 'oracle'"),
        (["--graph", "best_of_k", "--scorer", "prm:nowhere"], "scorer: there is no model in 'nowhere'"),
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
def test_what_a_person_can_mend_is_sentence(
    tutelage: Command, sentence: Sentence, options: list[str], said: str
) -> None:
    model = [] if "--model" in options else ["--model", MODEL]
    assert said in sentence(tutelage("run", TASKS, "--quiet", *model, *options))
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
