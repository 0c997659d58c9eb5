import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tutelage.agents import open_model_directory
from tutelage.training import train
from tutelage.training.objectives.distillation import DISTILLATION, DistillationSettings

pytestmark = pytest.mark.slow

SETTINGS = DistillationSettings(threads=1, batch_size=4, max_completion_length=12)
BETAS = (1.0, 0.3, 0.0)
ROWS: list[dict[str, Any]] = [
    {"prompt": [{"role": "user", "content": f"Problem: Add {one} and 4.\n\nSolve it."}]}
    for one in (7, 12, 350, 1)
]


def divergence(student: Any, teacher: Any, beta: float) -> list[float]:
    ours, theirs = np.exp(student), np.exp(teacher)
    if beta == 1:
        return (ours * (student - teacher)).sum(axis=1).tolist()  # type: ignore[no-any-return]
    if beta == 0:
        return (theirs * (teacher - student)).sum(axis=1).tolist()  # type: ignore[no-any-return]
    mixed = np.log(beta * theirs + (1 - beta) * ours)
    sides = beta * theirs * (teacher - mixed) + (1 - beta) * ours * (student - mixed)
    return sides.sum(axis=1).tolist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def told(first_steps: Any, other: Path) -> dict[str, dict[str, Any]]:
    steps: dict[str, dict[str, Any]] = first_steps(
        {
            str(beta): ("distillation", ROWS, SETTINGS.model_copy(update={"teacher": other, "beta": beta}))
            for beta in BETAS
        }
    )
    return steps


@pytest.mark.parametrize("beta", BETAS)
def test_the_first_loss_is_the_divergence_on_the_students_own_tokens_and_moves_nothing_else(
    base: Path, other: Path, cut: Any, distributions: Any, told: Any, beta: float
) -> None:
    step = told[str(beta)]
    found: list[float] = []
    for row in step["rows"]:
        ours, theirs = (distributions(each, row["prompt"], row["completion"]) for each in (base, other))
        found += divergence(ours, theirs, beta)
        start = len(row["prompt"]) - 1
        assert row["moved"] == list(range(start, start + len(row["completion"])))
    assert step["loss"] == pytest.approx(np.mean(found), rel=1e-4)
    asked = [cut(f"<|user|>{row['prompt'][0]['content']}<|end|><|assistant|>") for row in ROWS]
    assert sorted(row["prompt"] for row in step["rows"]) == sorted(asked)
    assert step["report"]["teacher"]["policy"] == open_model_directory(other).policy()


def test_the_seed_decides_the_samples(told: Any) -> None:
    said = [[(row["prompt"], row["completion"]) for row in told[str(beta)]["rows"]] for beta in BETAS]
    assert said[0] == said[1] == said[2]


def test_the_divergence_falls_and_the_directory_opens(
    base: Path, other: Path, distributions: Any, told: Any, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"teacher": other, "epochs": 15.0})
    out = train("distillation", base, ROWS, tmp_path / "out", settings, progress=False)

    def distance(student: Path) -> float:
        found: list[float] = []
        for row in told["1.0"]["rows"]:
            ours, theirs = (
                distributions(each, row["prompt"], row["completion"]) for each in (student, other)
            )
            found += divergence(ours, theirs, 1.0)
        return float(np.mean(found))

    assert distance(out) < 0.7 * distance(base)
    origin = json.loads((out / "policy.json").read_text(encoding="utf-8"))
    assert origin["policy"] == open_model_directory(out).policy()
    assert (origin["updates"], origin["teacher"]["directory"]) == (15, str(other))


@pytest.fixture
def stranger(base: Path, tmp_path: Path) -> Path:
    """The base with a tokenizer in which two tokens have changed places."""
    directory = tmp_path / "stranger"
    shutil.copytree(base, directory)
    file = directory / "tokenizer.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = data["model"]["vocab"]
    vocabulary["7"], vocabulary["8"] = vocabulary["8"], vocabulary["7"]
    file.write_text(json.dumps(data), encoding="utf-8")
    return directory


@pytest.fixture
def wider(base: Path, tmp_path: Path) -> Path:
    """The base with more logits than tokens."""
    transformers: Any = importlib.import_module("transformers")
    directory = tmp_path / "wider"
    shutil.copytree(base, directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(model.config.vocab_size + 64)
    model.save_pretrained(directory)
    return directory


def test_another_vocabulary_is_one_clear_error(stranger: Path, wider: Path, refusal: Any) -> None:
    told = refusal(DISTILLATION, ROWS, SETTINGS.model_copy(update={"teacher": stranger}))
    assert "has another vocabulary than" in told and "the token '7' is number" in told
    told = refusal(DISTILLATION, ROWS, SETTINGS.model_copy(update={"teacher": wider}))
    assert "give a teacher with the same vocab_size" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"teacher": None}, "distillation needs a teacher"),
        ({"teacher": Path("nowhere")}, "there is no model directory"),
        ({"max_completion_length": 1020}, "not one of 4 prompts leaves room"),
        ({"gradient_accumulation": 5}, "needs 5 rows or more"),
    ],
)
def test_what_cannot_be_done_is_refused(other: Path, refusal: Any, change: dict[str, Any], told: str) -> None:
    assert told in refusal(DISTILLATION, ROWS, SETTINGS.model_copy(update={"teacher": other, **change}))
