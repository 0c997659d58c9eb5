import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import connect
from tutelage.errors import MissingDependency, UserError
from tutelage.graphs import self_refine
from tutelage.harnesses.lm_eval_command import register
from tutelage.harnesses.task_files import write_task_files
from tutelage.tools import family_answer, make_tasks
from tutelage.traces import Run
from tutelage.training import Evaluation, evaluate
from tutelage.types import Sampling, Task

Child = Callable[..., Any]
NAME = "arithmetic_dev"
COUNT = 10


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return make_tasks("arithmetic", 5, COUNT, 5, split="dev")


@pytest.fixture(scope="module")
def place(tasks: list[Task], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harnesses")
    for part in ("tasks", "inspect"):
        write_task_files(tasks, folder / part, NAME)
    return folder


@pytest.fixture(scope="module")
def lm_eval(child: Child, place: Path) -> Any:
    (place / "lm_eval").mkdir()
    return child("in_lm_eval.py", place / "tasks", NAME, cwd=place / "lm_eval")


@pytest.fixture(scope="module")
def inspect(child: Child, place: Path) -> Any:
    return child("in_inspect.py", f"{NAME}.py", cwd=place / "inspect")


@pytest.fixture(scope="module")
def ours(tasks: list[Task]) -> dict[str, Evaluation]:
    """The same by `evaluate`, greedy."""
    greedy = Sampling(temperature=0.0)
    with connect("embedded+transformers", sampling=greedy) as model:
        return {
            "model": evaluate(model, tasks, verifier=family_answer, progress=False),
            "graph": evaluate(
                self_refine(model, 1, verifier=family_answer), tasks, verifier=family_answer, progress=False
            ),
        }


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["model", "graph"])
@pytest.mark.parametrize("harness", ["lm_eval", "inspect"])
def test_a_harness_finds_the_accuracy_that_evaluate_finds(
    harness: str, subject: str, ours: dict[str, Evaluation], request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(harness)[subject]
    assert 0 < ours[subject].accuracy < 1
    assert found["accuracy"] == pytest.approx(ours[subject].accuracy)
    assert len(found["answers"]) == COUNT


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["model", "graph"])
@pytest.mark.parametrize("harness", ["lm_eval", "inspect"])
def test_what_a_harness_ran_is_a_run_of_ours(
    harness: str, subject: str, place: Path, tasks: list[Task], request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(harness)[subject]
    with Run.open(place / harness / "runs" / subject) as run:
        done = run.rollouts("done")
        assert {each.task.id: each.task for each in done} == {task.id: task for task in tasks}
        assert {
            each.task.id: each.output["solution"] for each in done if isinstance(each.output, dict)
        } == found["answers"]
        roles = {turn.role for turn in run.turns()}
    assert roles == ({"model"} if subject == "model" else {"solver", "reviewer", "refiner"})


@pytest.mark.slow
def test_lm_eval_s_own_model_class_finds_the_same_likelihoods(lm_eval: Any) -> None:
    own, theirs = lm_eval["own"], lm_eval["theirs"]
    assert [each[0] for each in own["pairs"]] == pytest.approx(
        [each[0] for each in theirs["pairs"]], abs=1e-3
    )
    assert [each[1] for each in own["pairs"]] == [each[1] for each in theirs["pairs"]]
    assert {each[1] for each in own["pairs"]} == {True, False}
    assert own["rolling"] == pytest.approx(theirs["rolling"], rel=1e-4)


@pytest.mark.slow
def test_what_lm_eval_is_told_wrongly_is_one_sentence(lm_eval: Any) -> None:
    told = lm_eval["refused"]
    assert "has a run already" in told["store"]
    assert "is a graph's" in told["dial"]
    assert "rondes" in told["option"]


@pytest.mark.slow
def test_inspect_hears_tokens_reasons_and_log_probabilities(inspect: Any) -> None:
    asked = inspect["asked"]
    (said,) = asked["logprobs"]
    assert asked["usage"][1] == len(said)
    assert "".join(token for token, _ in said).startswith(asked["choices"][0])
    assert all(value <= 0 for _, value in said)
    assert asked["reason"] == "stop"
    assert (inspect["short"]["reason"], inspect["short"]["usage"][1]) == ("max_tokens", 3)
    assert (inspect["long"]["reason"], inspect["long"]["choices"]) == ("model_length", [""])
    assert len(inspect["several"]["choices"]) == 3
    assert "top_k=5" in inspect["refused"]


@pytest.mark.slow
def test_inspect_hears_what_all_roles_of_a_graph_read_and_wrote(inspect: Any, place: Path) -> None:
    with Run.open(place / "inspect" / "runs" / "graph") as run:
        counts = run.tokens().values()
    read, written, total = inspect["graph"]["usage"]
    assert [read, written] == [sum(each.prompt for each in counts), sum(each.completion for each in counts)]
    assert total == read + written


def test_a_task_file_asks_what_the_solver_is_asked(place: Path, tasks: list[Task]) -> None:
    lines = (place / "tasks" / f"{NAME}.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [Task.model_validate_json(row["tutelage_task"]) for row in rows] == tasks
    assert all(task.problem in row["prompt"] != task.problem for row, task in zip(rows, tasks, strict=True))
    assert {row["tutelage_verifier"] for row in rows} == {"family_answer"}


def test_wrong_names_of_task_files_and_verifiers_are_refused(tasks: list[Task], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a name of letters"):
        write_task_files(tasks, tmp_path, "../x")
    with pytest.raises(UserError, match="unknown verifier"):
        write_task_files(tasks, tmp_path, "x", "nobody")
    assert not list(tmp_path.iterdir())


def test_without_lm_eval_the_command_to_install_it_is_said() -> None:
    with pytest.raises(MissingDependency, match=r"pip install 'tutelage\[harnesses\]'"):
        register()
