from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.training.reinforcement.batch import read_batch, write_batch


@st.composite
def a_row(draw: Any) -> dict[str, Any]:
    length = draw(st.integers(1, 8))
    floats = st.floats(-50, 50, width=32)
    return {
        "prompt_ids": draw(st.lists(st.integers(0, 2**31 - 1), max_size=8)),
        "completion_ids": draw(st.lists(st.integers(0, 2**31 - 1), min_size=length, max_size=length)),
        "completion_mask": draw(st.lists(st.integers(0, 1), min_size=length, max_size=length)),
        "logprobs": draw(st.lists(floats, min_size=length, max_size=length)),
        "advantages": draw(st.lists(floats, min_size=length, max_size=length)),
        "group_id": "1/solver",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("batches")


@settings(deadline=None)
@given(rows=st.lists(a_row(), max_size=5))
def test_rows_come_back_as_they_were(rows: list[dict[str, Any]], folder: Path) -> None:
    write_batch(folder / "rows", rows)
    found = read_batch(folder / "rows")
    assert len(found) == len(rows)
    for row, back in zip(rows, found, strict=True):
        assert all(np.array_equal(back[name], row[name]) for name in back)
    assert [file.name for file in folder.iterdir()] == ["rows"]
