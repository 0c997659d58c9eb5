import json
from math import exp, log
from pathlib import Path
from typing import Any

import pytest
from tests.training.objectives.plain_losses import ASKED, SUMS, Plain, Rows, first_loss, messages

from tutelage.agents import embedded_directory
from tutelage.errors import UserError
from tutelage.tools import StepRewardModel
from tutelage.training import train
from tutelage.training.objectives.prm import PrmSettings, check_steps
from tutelage.types import Task


def steps(one: int, two: int, slip: int) -> Rows:
    """A sum in two steps, the second wrong where there is a slip; text, and the same as messages."""
    asked = ASKED.format(f"Compute {one} + {two}.")
    return [
        {
            "prompt": asked if one % 2 else messages("user", asked),
            "completions": [f"add {two} to {one}", f"answer: {one + two + slip}"],
            "labels": [True, not slip],
        }
    ]


ROWS: Rows = [row for one, two in SUMS for slip in (0, 3) for row in steps(one, two, slip)]


def probabilities(model: Plain, row: dict[str, Any]) -> list[float]:
    """That each step is right, read off the sequence up to its line break; no token reaches over a break."""
    asked = row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][0]["content"]
    ids, found = model.ids(f"<|user|>{asked}<|end|><|assistant|>"), []
    for step in row["completions"]:
        ids += model.ids(f"{step}\n")
        wrong, right = model.logits(ids)[-1].tolist()
        found.append(1 / (1 + exp(wrong - right)))
    return found


@pytest.mark.slow
def test_the_first_loss_is_the_mean_cross_entropy_of_all_steps(tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "labels": [0.25, 0.75]}, {**ROWS[0], "completions": ["one"], "labels": [1]}]
    told = first_loss("prm", rows, tmp_path)
    model = Plain(tmp_path / "shaken", "TokenClassification")
    losses = [
        -(label * log(right) + (1 - label) * log(1 - right))
        for row in rows
        for label, right in zip(row["labels"], probabilities(model, row), strict=True)
    ]
    assert len(losses) == 19 == told["counts"]["steps"]
    assert told["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = PrmSettings(
        epochs=20, batch_size=4, gradient_accumulation=2, threads=1, learning_rate=1e-3, schedule="constant"
    )
    out = tmp_path_factory.mktemp("models") / "prm"
    return train("prm", embedded_directory(), ROWS, out, settings, progress=False)


@pytest.mark.slow
def test_training_tells_right_steps_from_wrong_ones(trained: Path) -> None:
    model = Plain(trained, "TokenClassification")
    judged = [
        (right > 0.5) == label
        for row in ROWS
        for label, right in zip(row["labels"], probabilities(model, row), strict=True)
    ]
    assert all(judged)
    origin = json.loads((trained / "policy.json").read_text(encoding="utf-8"))
    assert (origin["objective"], origin["rows"]["wrong_steps"], origin["rows"]["asked_so"]) == ("prm", 4, 8)
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Qwen3ForTokenClassification"]
    assert config["id2label"] == {"0": "wrong", "1": "right"}


@pytest.mark.slow
def test_the_verifier_reads_steps_as_the_training_did(trained: Path) -> None:
    judge, model = StepRewardModel(trained, device="cpu"), Plain(trained, "TokenClassification")
    task = Task(id="a", problem="Compute 12 + 5.")
    for row in ROWS[:2]:
        score = judge.score(task, "\n\n".join(row["completions"]))
        assert score.steps == pytest.approx(probabilities(model, row), rel=1e-4)
        assert (score.value, score.passed) == (min(score.steps or ()), all(row["labels"]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": [True]}, "row 2 has 2 completions and 1 labels"),
        ({"completions": ["one", " "]}, "row 2: a step must be a text that is not empty"),
        ({"labels": [True, 2]}, "row 2: a label must be true or false, or a number from 0 to 1"),
    ],
)
def test_steps_that_cannot_be_labelled_are_refused(change: dict[str, Any], said: str) -> None:
    check_steps(2, ROWS[1])
    with pytest.raises(UserError, match=said):
        check_steps(2, {**ROWS[1], **change})


def test_a_row_without_labels_is_refused_before_anything_starts(tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "completions": row["completions"]} for row in ROWS]
    with pytest.raises(UserError, match=r"row 1 has prompt, completions; 'prm' reads .*: .* --to prm"):
        train("prm", embedded_directory(), rows, tmp_path / "out")
