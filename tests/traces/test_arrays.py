import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.traces.arrays import (
    id_bytes,
    ids_of,
    logprob_bytes,
    logprobs_of,
    pack_ids,
    pack_steps,
    steps_of,
    unpack_ids,
)

ids = st.integers(0, 2**8) | st.integers(0, 2**16) | st.integers(0, 2**24) | st.integers(0, 2**31 - 1)


@given(st.lists(ids, max_size=50) | st.lists(ids, min_size=400, max_size=600))
def test_token_ids_come_back_as_they_were(values: list[int]) -> None:
    assert ids_of(unpack_ids(pack_ids(id_bytes(values)))) == tuple(values)


@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_log_probabilities_come_back_in_float32(values: list[float]) -> None:
    assert logprobs_of(logprob_bytes(values)) == tuple(values)


@given(st.lists(st.floats(allow_nan=False)))
def test_step_scores_come_back_in_float64(values: list[float]) -> None:
    assert steps_of(pack_steps(values)) == tuple(values)


@pytest.mark.parametrize("bad", [[1, -1], [2**31], [2**40], [1.5], ["1"], [None]])
def test_what_is_no_token_id_is_refused(bad: list[int]) -> None:
    with pytest.raises(UserError, match="token ids cannot be recorded"):
        id_bytes(bad)


def test_small_ids_take_small_space() -> None:
    assert len(pack_ids(id_bytes([255] * 100))) == 101
    assert len(pack_ids(id_bytes([65_535] * 100))) == 201
    assert len(pack_ids(id_bytes([151_000] * 100))) == 301
