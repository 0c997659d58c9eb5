import json
from math import exp, log1p
from pathlib import Path

import pytest
from tests.training.objectives.plain_losses import Plain, first_loss, messages, pairs, solution, texts

from tutelage.agents import embedded_directory
from tutelage.errors import UserError
from tutelage.tools import RewardModel
from tutelage.training import train
from tutelage.training.objectives.reads import reads_of
from tutelage.training.objectives.reward import RewardSettings
from tutelage.types import Task

ROWS = pairs()
TASKS = [Task(id="a", problem="Compute 12 + 5."), Task(id="b", problem="Compute 47 + 38.")]


def reward(model: Plain, text: str) -> float:
    return float(model.logits(model.ids(text))[0])


@pytest.mark.slow
@pytest.mark.parametrize("margin", [None, 0.7])
def test_the_first_loss_is_that_of_bradley_and_terry(tmp_path: Path, margin: float | None) -> None:
    rows = [dict(row) for row in ROWS]
    if margin is not None:
        rows[1]["margin"] = margin
    told = first_loss("reward", rows, tmp_path)
    model = Plain(tmp_path / "shaken", "SequenceClassification")
    losses = []
    for row in rows:
        chosen, rejected = (reward(model, "".join(texts(row, side))) for side in ("chosen", "rejected"))
        ahead = chosen - rejected - row.get("margin", 0.0)
        losses.append(log1p(exp(-ahead)) + 0.01 * (chosen + rejected) ** 2)
    assert told["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = RewardSettings(epochs=8, batch_size=4, threads=1, learning_rate=1e-3, schedule="constant")
    out = tmp_path_factory.mktemp("models") / "reward"
    return train("reward", embedded_directory(), ROWS, out, settings, progress=False)


@pytest.mark.slow
def test_training_puts_the_chosen_answers_above_the_rejected_ones(trained: Path) -> None:
    model = Plain(trained, "SequenceClassification")
    for row in ROWS:
        chosen, rejected = (reward(model, "".join(texts(row, side))) for side in ("chosen", "rejected"))
        assert chosen > rejected + 0.1
    origin = json.loads((trained / "policy.json").read_text(encoding="utf-8"))
    assert (origin["objective"], origin["rows"]["asked_so"]) == ("reward", 4)
    assert origin["last"]["accuracy"] > 0.5


@pytest.mark.slow
def test_the_directory_has_its_own_head_and_the_bases_tokenizer(trained: Path) -> None:
    base = embedded_directory()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (trained / name).read_bytes() == (base / name).read_bytes()
    config = json.loads((trained / "config.json").read_text(encoding="utf-8"))
    assert (config["architectures"], config["dtype"]) == (["Qwen3ForSequenceClassification"], "bfloat16")
    assert not (trained / "generation_config.json").exists()


@pytest.mark.slow
def test_the_verifier_reads_a_solution_as_the_training_did(trained: Path) -> None:
    judge, model = RewardModel(trained, device="cpu"), Plain(trained, "SequenceClassification")
    for task, row in zip(TASKS, ROWS, strict=False):
        for side in ("chosen", "rejected"):
            value = judge.score(task, row[side][0]["content"]).value
            assert value == pytest.approx(1 / (1 + exp(-reward(model, "".join(texts(row, side))))), rel=1e-4)


@pytest.mark.slow
def test_a_reward_model_is_refused_as_the_base_of_a_policy(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds a reward model"):
        train("dpo", trained, ROWS, tmp_path / "out", progress=False)


def test_a_row_without_its_rejected_answer_is_refused_before_anything_starts(tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "chosen": row["chosen"]} for row in ROWS]
    with pytest.raises(UserError, match=r"row 1 has prompt, chosen; 'reward' reads .*: .* --to reward"):
        train("reward", embedded_directory(), rows, tmp_path / "out")


def test_a_verifier_will_ask_in_the_words_of_the_rows() -> None:
    solvers = [row["prompt"] for row in ROWS]
    bare = [messages("user", "Compute 1 + 1.")]
    found = reads_of([*solvers, *bare], None)
    assert (found.before, found.rows) == ("Problem: ", 4)
    assert found.after.startswith("\n\nSolve it")
    assert (reads_of(bare, None).before, reads_of(bare, None).after) == ("", "")
    own = reads_of([messages("user", "Q: 1+1 A:")], "Q: {problem} A:")
    assert (own.before, own.after, own.rows) == ("Q: ", " A:", 1)


def test_words_that_no_row_asks_in_are_refused() -> None:
    with pytest.raises(UserError, match=r"no row's prompt is made of the prompt 'Q: \{problem\}'"):
        reads_of([row["prompt"] for row in ROWS], "Q: {problem}")


def test_the_rows_of_these_tests_are_asked_with_the_packaged_prompt() -> None:
    from tutelage.agents import Prompt

    assert ROWS[0]["prompt"][0]["content"] == Prompt.load("solver").render(problem="Compute 12 + 5.")
    assert ROWS[0]["chosen"][0]["content"] == solution(12, 5)
