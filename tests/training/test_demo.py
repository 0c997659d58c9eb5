import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tutelage.agents import ChatModel
from tutelage.graphs import one_shot
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.training import Comparison, Evaluation, evaluate, wilson
from tutelage.training.demo import Outcome
from tutelage.training.demo.numbers import numbers
from tutelage.training.demo.table import methods_table
from tutelage.types import Task

ModelThat = Callable[[str], ChatModel]


@pytest.fixture
def shot(tasks: list[Task], model_that: ModelThat) -> Callable[[str], Evaluation]:
    """A model in one shot, by the name of its script."""

    def evaluated(name: str) -> Evaluation:
        return evaluate(one_shot(model_that(name)), tasks, verifier=exact, progress=False, name=name)

    return evaluated


@pytest.fixture
def outcome(shot: Callable[[str], Evaluation], refined: Run, tmp_path: Path) -> Outcome:
    """Half right before, all right after; the loop mends three of ten."""
    before, after = shot("even"), shot("right")
    methods = {"one_shot": before, "magicore": Evaluation.of(refined), "after_sft": after}
    return Outcome(methods, Comparison.of(before, after), refined, tmp_path / "policy")


def without_counts(outcome: Outcome) -> Outcome:
    """The same, of an engine that does not count tokens."""
    methods: Mapping[str, Evaluation] = {
        name: found.model_copy(update={"tokens": {}}) for name, found in outcome.methods.items()
    }
    return Outcome(methods, outcome.comparison, outcome.loop, outcome.policy)


def test_the_table_has_a_line_a_method_with_accuracy_interval_and_bill(outcome: Outcome) -> None:
    head, *lines = methods_table(outcome).partition("\n\n")[0].splitlines()
    assert head.split() == ["method", "accuracy", "95", "%", "interval", "tokens", "a", "task"]
    assert [line.split()[0] for line in lines] == ["one_shot", "magicore", "after_sft"]
    for line, found in zip(lines, outcome.methods.values(), strict=True):
        low, high = (f"{100 * end:.1f} %" for end in found.interval)
        assert f" {100 * found.accuracy:.1f} % " in line
        assert f" {low} to {high} " in line
        assert line.endswith(f" {found.tokens_per_attempt:,.0f}")
    assert len({len(line) for line in (head, *lines)}) == 1


def test_the_table_ends_with_what_fine_tuning_gained(outcome: Outcome) -> None:
    assert methods_table(outcome).partition("\n\n")[2] == (
        "one shot after fine-tuning: +50.0 points on the same 10 tasks, "
        "5 wrong→right, 0 right→wrong, McNemar p 0.062"
    )


def test_a_loss_is_told_as_such(shot: Callable[[str], Evaluation], outcome: Outcome) -> None:
    worse = Comparison.of(shot("right"), shot("even"))
    told = methods_table(Outcome(outcome.methods, worse, outcome.loop, outcome.policy))
    assert "-50.0 points on the same 10 tasks, 0 wrong→right, 5 right→wrong" in told


def test_tokens_that_nobody_counted_are_a_question_mark(outcome: Outcome) -> None:
    lines = methods_table(without_counts(outcome)).splitlines()[1:4]
    assert [line.split()[-1] for line in lines] == ["?"] * 3


def test_the_numbers_are_those_of_the_evaluations_and_the_paired_test(outcome: Outcome) -> None:
    found = numbers(outcome)
    comparison = outcome.comparison
    assert {name: each["accuracy"] for name, each in found["methods"].items()} == {
        "one_shot": 0.5,
        "magicore": 0.8,
        "after_sft": 1.0,
    }
    before, loop = found["methods"]["one_shot"], found["methods"]["magicore"]
    assert before["interval"] == list(wilson(5, 10))
    assert before["families"] == {"large": 0.4, "small": 0.6}
    assert loop["tokens"] == outcome.methods["magicore"].tokens_per_attempt > before["tokens"] > 0
    assert (found["n"], found["gain"]) == (10, 0.5)
    assert found["gain_interval"] == list(comparison.interval)
    assert found["mcnemar_p"] == comparison.p_value == 0.0625
    assert (found["wrong_to_right"], found["right_to_wrong"]) == (5, 0)


def test_the_numbers_are_plain_data(outcome: Outcome) -> None:
    for each in (outcome, without_counts(outcome)):
        assert json.loads(json.dumps(numbers(each), allow_nan=False)) == numbers(each)
