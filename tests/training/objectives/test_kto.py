import json
from math import exp
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.training.objectives.plain_losses import Plain, Rows, first_loss, pairs, texts

from tutelage.agents import embedded_directory
from tutelage.errors import UserError
from tutelage.training import train
from tutelage.training.objectives.kto import KtoSettings, balanced

RIGHT: Rows = [{"prompt": row["prompt"], "completion": row["chosen"], "label": True} for row in pairs()]
WRONG: Rows = [
    {"prompt": row["prompt"], "completion": row["rejected"], "label": False}
    for row in pairs([(25, 14), (8, 33)])
]
ROWS = [*RIGHT, *WRONG]
COUNTS = st.integers(1, 10_000)
WEIGHTS = st.floats(0.01, 100)


@pytest.mark.slow
def test_the_first_loss_is_that_of_the_paper_with_balanced_weights(tmp_path: Path) -> None:
    told = first_loss("kto", ROWS, tmp_path, beta=0.3)
    policy, base = Plain(tmp_path / "shaken"), Plain(embedded_directory())
    order = [" ".join(map(str, [*row["prompt_ids"], *row["completion_ids"]])) for row in told["rows"]]
    asked = {" ".join(map(str, policy.ids("".join(texts(row, "completion"))))): row for row in ROWS}
    rows = [asked[key] for key in order]
    answers = [texts(row, "completion") for row in rows]
    baseline = max(0.0, sum(
        policy.likelihood(prompt, answers[at - 1][1]) - base.likelihood(prompt, answers[at - 1][1])
        for at, (prompt, _) in enumerate(answers)
    ) / len(rows))  # fmt: skip
    losses = []
    for row, answer in zip(rows, answers, strict=True):
        gain = policy.likelihood(*answer) - base.likelihood(*answer) - baseline
        sign, weight = (1, 1.0) if row["label"] else (-1, 1.5)
        losses.append(weight * (1 - 1 / (1 + exp(-0.3 * sign * gain))))
    assert told["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert [row["KL_completion_ids"] for row in told["rows"]] == [
        told["rows"][at - 1]["completion_ids"] for at in range(len(rows))
    ]
    assert (told["counts"]["desirable"], told["counts"]["undesirable"]) == (4, 2)


@pytest.mark.slow
def test_training_makes_desirable_answers_likelier_and_others_less_likely(tmp_path: Path) -> None:
    settings = KtoSettings(epochs=6, batch_size=6, threads=1, learning_rate=5e-5, schedule="constant")
    out = train("kto", embedded_directory(), ROWS, tmp_path / "out", settings, progress=False)
    policy, base = Plain(out), Plain(embedded_directory())
    gains = [
        policy.likelihood(*texts(row, "completion")) - base.likelihood(*texts(row, "completion"))
        for row in ROWS
    ]
    assert sum(gains[:4]) > 0.1
    assert sum(gains[4:]) < -0.1
    origin = json.loads((out / "policy.json").read_text(encoding="utf-8"))
    assert (origin["objective"], origin["weights"]) == ("kto", {"desirable": 1.0, "undesirable": 1.5})


@given(COUNTS, COUNTS)
def test_weights_by_default_bring_the_two_sides_into_the_advised_balance(
    desirable: int, undesirable: int
) -> None:
    good, bad = balanced(desirable, undesirable)
    assert 1 - 1e-9 <= good * desirable / (bad * undesirable) <= 4 / 3 + 1e-9
    assert min(good, bad) == 1


@given(COUNTS, COUNTS, WEIGHTS)
def test_a_weight_that_is_given_stays_and_the_other_balances_it(
    desirable: int, undesirable: int, own: float
) -> None:
    good, bad = balanced(desirable, undesirable, (own, None))
    assert good == own
    assert 1 - 1e-9 <= good * desirable / (bad * undesirable) <= 4 / 3 + 1e-9
    good, bad = balanced(desirable, undesirable, (None, own))
    assert bad == own
    assert 1 - 1e-9 <= good * desirable / (bad * undesirable) <= 4 / 3 + 1e-9
    assert balanced(desirable, undesirable, (own, 2.0)) == (own, 2.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "only"), [(RIGHT, "desirable"), (WRONG, "undesirable")], ids=["no wrong one", "no right one"]
)
def test_rows_of_one_kind_only_are_refused(tmp_path: Path, rows: Rows, only: str) -> None:
    with pytest.raises(UserError, match=f"all {len(rows)} rows are {only}; kto needs"):
        train("kto", embedded_directory(), rows, tmp_path / "out", KtoSettings(threads=1), progress=False)
    assert not (tmp_path / "out").exists()


def test_a_row_without_a_label_is_refused_before_anything_starts(tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "completion": row["completion"]} for row in ROWS]
    with pytest.raises(
        UserError, match="row 1 has prompt, completion; 'kto' reads prompt, completion, label: "
    ):
        train("kto", embedded_directory(), rows, tmp_path / "out")
