import json
from math import exp, log1p
from pathlib import Path
from typing import Any

import pytest
from tests.training.objectives.plain_losses import Plain, Rows, first_loss, pairs, texts

from tutelage.agents import embedded_directory
from tutelage.errors import UserError
from tutelage.training import train
from tutelage.training.objectives.dpo import DpoSettings

ROWS = pairs()


def margins(policy: Plain, base: Plain, rows: Rows) -> list[float]:
    """How much more likely the chosen answer has become than the rejected one."""
    gains = [
        [
            policy.likelihood(*texts(row, side)) - base.likelihood(*texts(row, side))
            for side in ("chosen", "rejected")
        ]
        for row in rows
    ]
    return [chosen - rejected for chosen, rejected in gains]


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, {"loss_type": "robust", "label_smoothing": 0.1, "beta": 0.3}, {"precompute_ref_log_probs": True}],
    ids=["plain", "robust", "precomputed"],
)
def test_the_first_loss_is_that_of_the_paper(tmp_path: Path, settings: dict[str, Any]) -> None:
    told = first_loss("dpo", ROWS, tmp_path, **settings)
    beta, wrong = settings.get("beta", 0.1), settings.get("label_smoothing", 0.0)
    losses = []
    for margin in margins(Plain(tmp_path / "shaken"), Plain(embedded_directory()), ROWS):
        right_way, other_way = (log1p(exp(sign * beta * margin)) for sign in (-1, 1))
        losses.append(((1 - wrong) * right_way - wrong * other_way) / (1 - 2 * wrong))
    assert told["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert told["counts"]["trained"] == len(ROWS)


@pytest.mark.slow
def test_training_makes_the_chosen_answers_likelier_than_the_rejected_ones(tmp_path: Path) -> None:
    settings = DpoSettings(epochs=4, batch_size=4, threads=1, learning_rate=1e-4, schedule="constant")
    out = train("dpo", embedded_directory(), ROWS, tmp_path / "out", settings, progress=False)
    assert all(margin > 0.1 for margin in margins(Plain(out), Plain(embedded_directory()), ROWS))
    origin = json.loads((out / "policy.json").read_text(encoding="utf-8"))
    assert (origin["objective"], origin["updates"], origin["rows"]["trained"]) == ("dpo", 4, 4)
    assert origin["last"]["rewards/margins"] > 0
    base = embedded_directory()
    assert all(
        (out / name).read_bytes() == (base / name).read_bytes() for name in ("config.json", "tokenizer.json")
    )


def test_a_row_without_its_rejected_answer_is_refused_before_anything_starts(tmp_path: Path) -> None:
    rows = [ROWS[0], {key: value for key, value in ROWS[1].items() if key != "rejected"}]
    with pytest.raises(
        UserError, match=r"row 2 has prompt, chosen; 'dpo' reads prompt, chosen, rejected: .* --to dpo"
    ):
        train("dpo", embedded_directory(), rows, tmp_path / "out")


def test_smoothing_that_the_loss_would_not_read_is_refused() -> None:
    with pytest.raises(ValueError, match="label_smoothing is not read by loss_type='sigmoid'"):
        DpoSettings(label_smoothing=0.1)
    with pytest.raises(ValueError, match="needs a label_smoothing"):
        DpoSettings(loss_type="exo_pair")
