import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tutelage.agents import embedded_directory
from tutelage.errors import UserError
from tutelage.training import GrpoSettings, SftSettings, train

ROWS: list[dict[str, Any]] = [
    {
        "prompt": [{"role": "user", "content": f"{one}+{one}"}],
        "completion": [{"role": "assistant", "content": str(one + one)}],
    }
    for one in range(8)
]


def begin(out: Path, rows: list[dict[str, Any]] | None = None, **settings: Any) -> Path:
    chosen = SftSettings(epochs=1, batch_size=4, threads=1, **settings)
    return train("sft", embedded_directory(), rows or ROWS, out, chosen, progress=False)


def test_a_training_with_other_settings_leaves_the_killed_ones_checkpoints(tmp_path: Path) -> None:
    checkpoint = tmp_path / "p.partial" / "checkpoints" / "checkpoint-9"
    checkpoint.mkdir(parents=True)
    with pytest.raises(UserError, match="checkpoints of a training with other rows or settings"):
        begin(tmp_path / "p")
    assert checkpoint.is_dir()


def test_two_trainings_do_not_share_a_directory(tmp_path: Path) -> None:
    work = tmp_path / "p.partial"
    work.mkdir()
    handle = os.open(work, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(UserError, match="is being trained in already"):
        begin(tmp_path / "p")
    os.close(handle)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_row_that_is_not_finite_is_named(value: float, tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "weight": value}]
    with pytest.raises(UserError, match="row 9 has a number that is not finite"):
        begin(tmp_path / "p", rows)


def test_settings_are_finite() -> None:
    with pytest.raises(ValidationError, match="finite"):
        SftSettings(learning_rate=math.inf)
    with pytest.raises(ValidationError, match="finite"):
        GrpoSettings(importance_cap=math.inf)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"job": "another"})])
def test_a_directory_of_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "policy.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="is of another training"):
        begin(tmp_path / "p")


@pytest.mark.slow
def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the training diverged"):
        begin(tmp_path / "p", learning_rate=1e30, gradient_clip=1e30, warmup=0.0)
    assert not (tmp_path / "p").exists()


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, [{"type": "text", "text": "2"}]])
def test_a_message_whose_content_is_no_text_is_refused(content: Any, tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "completion": [{"role": "assistant", "content": content}]}]
    with pytest.raises(UserError, match="row 9: every message of 'completion' must have a role and a text"):
        begin(tmp_path / "p", rows)


@pytest.mark.slow
@pytest.mark.parametrize("ids", [[], [-1, 5], [5, 10_000], [0.5, 1]])
def test_ids_that_are_no_tokens_of_the_base_are_refused(ids: list[Any], tmp_path: Path) -> None:
    rows = [{"input_ids": [5, 6], "labels": [-100, 6]}, {"input_ids": ids, "labels": ids}]
    with pytest.raises(UserError, match="row 2: input_ids must be token ids of the base"):
        begin(tmp_path / "p", rows)
