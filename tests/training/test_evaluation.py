from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage import Sampling
from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.graphs import one_shot
from tutelage.tools import exact
from tutelage.traces import Run, Store, recording
from tutelage.training import Evaluation, evaluate, wilson
from tutelage.training.evaluation import Attempt
from tutelage.types import Task

ModelThat = Callable[[str], ChatModel]


def several(*tries: str) -> Evaluation:
    """One task a word: `1` a right, `0` a wrong, `-` an attempt without an answer."""
    attempts = tuple(
        Attempt(
            task_id=str(task),
            repeat=at,
            passed=mark == "1",
            answer=None if mark == "-" else mark,
            family=str(task % 2),
        )
        for task, word in enumerate(tries)
        for at, mark in enumerate(word)
    )
    return Evaluation(name="several", verifier="v", attempts=attempts)


def test_a_model_is_evaluated_in_one_shot(tasks: list[Task], model_that: ModelThat) -> None:
    found = evaluate(model_that("even"), tasks, verifier=exact, progress=False)
    assert (found.n, found.accuracy) == (10, 0.5)
    assert found.interval == wilson(5, 10)
    assert found.tokens["solver"].turns == 10
    assert found.tokens_per_attempt == sum(c.prompt + c.completion for c in found.tokens.values()) / 10


def test_a_graph_and_its_record_give_the_same(
    tasks: list[Task], model_that: ModelThat, tmp_path: Path
) -> None:
    graph = one_shot(model_that("even"))
    found = evaluate(graph, tasks, verifier=exact, store=tmp_path / "run", progress=False)
    with Run.open(tmp_path / "run") as run:
        assert Evaluation.of(run).attempts == found.attempts


def test_what_is_still_running_is_not_on_the_bill(
    tasks: list[Task], model_that: ModelThat, tmp_path: Path
) -> None:
    evaluate(one_shot(model_that("even")), tasks[:2], verifier=exact, store=tmp_path / "a", progress=False)
    with Store.open(tmp_path / "a") as store, store.run() as run:
        before = Evaluation.of(run).tokens
        recorder = run.begin(tasks[2])
        with recording(recorder):
            model_that("even").invoke(tasks[2].problem)
        assert run.tokens() != before
        assert Evaluation.of(run).tokens == before
        recorder.fail("stopped")


def test_families_are_told_apart(tasks: list[Task], model_that: ModelThat) -> None:
    families = evaluate(model_that("even"), tasks, verifier=exact, progress=False).families()
    assert {name: (each.n, each.accuracy) for name, each in families.items()} == {
        "large": (5, 0.4),
        "small": (5, 0.6),
    }


def test_sampling_belongs_to_models(tasks: list[Task], model_that: ModelThat) -> None:
    with pytest.raises(UserError, match="sampling"):
        evaluate(one_shot(model_that("even")), tasks, verifier=exact, sampling=Sampling(), progress=False)


def test_several_attempts_give_pass_and_majority_at_k() -> None:
    found = several("1100", "0001", "0000", "1111")
    assert found.accuracy == pytest.approx((0.5 + 0.25 + 0 + 1) / 4)
    assert found.pass_at(1) == pytest.approx(found.accuracy)
    assert found.pass_at(4) == 0.75
    assert found.maj_at(4) == pytest.approx((1 + 0 + 0 + 1) / 4)


def test_several_attempts_are_not_taken_for_independent_ones() -> None:
    words = ["1111", "0000"] * 20
    low, high = several(*words).interval
    naive = wilson(80, 160)
    assert low < naive.low and naive.high < high


def test_a_failed_rollout_counts_as_wrong() -> None:
    run = Store.memory().start_run({})
    recorder = run.begin(Task(id="a", problem="?"))
    run.score(recorder.rollout.id, exact.score(Task(id="a", problem="?", reference="4"), "answer: 4"))
    recorder.finish("4", {})
    run.begin(Task(id="b", problem="?")).fail("the graph raised ValueError")
    found = Evaluation.of(run)
    assert (found.accuracy, found.failed) == (0.5, 1)
    assert "1 rollouts failed and count as wrong" in str(found)


def test_a_rollout_without_a_verdict_is_refused() -> None:
    run = Store.memory().start_run({})
    for id in ("a", "b"):
        recorder = run.begin(Task(id=id, problem="?"))
        if id == "a":
            recorder.score(exact.score(Task(id=id, problem="?", reference="4"), "answer: 4"))
        recorder.finish("4", {})
    with pytest.raises(UserError, match=r"'b'.*no verdict"):
        Evaluation.of(run)


def test_the_table_has_a_line_a_family(refined: Run) -> None:
    lines = str(Evaluation.of(refined)).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["memory", "large", "small"]
    assert "80.0 %" in lines[1]
    assert lines[-1] == "judged by exact"
