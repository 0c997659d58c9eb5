import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.traces.export import arrow
from tutelage.traces.export.arrow import Builder
from tutelage.traces.export.columns import Column, Kind, plain
from tutelage.valid_text import original_data

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufdd0"), max_size=20)
"""Without what `valid_text` escapes."""
NUMBER = st.integers(-(2**31), 2**31 - 1)
REAL = st.floats(allow_nan=False, width=32)
MESSAGE = st.fixed_dictionaries({"role": TEXT, "content": TEXT})


def packed(code: str, values: list[Any]) -> bytes:
    return struct.pack(f"<{len(values)}{code}", *values)


def table(code: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    square = st.integers(1, 3).flatmap(
        lambda width: st.tuples(
            st.lists(st.lists(values, min_size=width, max_size=width), max_size=3), st.just(width)
        )
    )
    return square.map(lambda made: (packed(code, [each for row in made[0] for each in row]), made[1]))


VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: TEXT,
    Kind.FLAG: st.booleans(),
    Kind.NUMBER: st.integers(-(2**63), 2**63 - 1),
    Kind.REAL: st.floats(allow_nan=False),
    Kind.TEXTS: st.lists(TEXT),
    Kind.FLAGS: st.lists(st.booleans()),
    Kind.REALS: st.lists(st.floats(allow_nan=False)),
    Kind.MESSAGES: st.lists(MESSAGE).map(tuple),
    Kind.TOKENS: st.lists(NUMBER).map(lambda values: packed("i", values)),
    Kind.MASK: st.lists(st.sampled_from([0, 1])).map(bytes),
    Kind.FLOATS: st.lists(REAL).map(lambda values: packed("f", values)),
    Kind.TOKEN_TABLE: table("i", NUMBER),
    Kind.FLOAT_TABLE: table("f", st.floats(allow_nan=False, allow_infinity=False, width=32)),
}


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.value)
@given(st.data())
def test_every_kind_of_column_gives_back_what_it_was_given(kind: Kind, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[kind], min_size=1, max_size=8))
    builder = Builder([Column("value", kind)], wide=False)
    (batch,) = builder.batches([(value,) for value in values])
    batch.validate(full=True)
    assert batch.schema == builder.schema
    assert batch.column(0).to_pylist() == [plain(kind, value) for value in values]


def test_wide_messages_and_plain_data_are_json() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]}
    builder = Builder([Column("messages", Kind.MESSAGES), Column("tools", Kind.JSON)], wide=True)
    (batch,) = builder.batches([((message,), [1, {"é": None}]), ((), None)])
    batch.validate(full=True)
    assert batch.column(0).to_pylist() == [
        ['{"role": "assistant", "content": null, "tool_calls": [{"id": "c1"}]}'],
        [],
    ]
    assert batch.column(1).to_pylist() == ['[1, {"é": null}]', None]


def test_lone_surrogates_are_written_reversibly_wherever_they_are_and_counted_by_row() -> None:
    columns = [Column("text"), Column("messages", Kind.MESSAGES), Column("texts", Kind.TEXTS)]
    builder = Builder(columns, wide=False)
    bad: Any = ("a\ud800", ({"role": "user", "content": "\udfff"},), ["x"])
    (batch,) = builder.batches([bad, ("fine", (), ["\ud83d\ude00"]), ("é😀", (), [])])
    assert batch.column(0).to_pylist() == ["a\ufdd0d800", "fine", "é😀"]
    assert batch.column(1)[0].as_py() == [{"role": "user", "content": "\ufdd0dfff"}]
    assert batch.column(2)[1].as_py() == ["\ufdd0d83d\ufdd0de00"]
    assert builder.replaced == 2


@pytest.mark.parametrize("wide", [False, True])
def test_a_text_that_holds_the_mark_already_is_not_taken_for_a_written_one(wide: bool) -> None:
    columns = [Column("text"), Column("messages", Kind.MESSAGES), Column("more", Kind.JSON)]
    builder = Builder(columns, wide=wide)
    rows: list[Any] = [
        ("a", ({"role": "user", "content": "\ufdd0d83d"},), {}),
        ("b", (), "\ufdd0"),
        ("c", (), 1),
    ]
    (batch,) = builder.batches(rows)
    assert builder.replaced == 2
    for row, back in zip(rows, batch.to_pylist(), strict=True):
        messages = [json.loads(each) if wide else each for each in back["messages"]]
        found = original_data((back["text"], tuple(messages), json.loads(back["more"])))
        assert found == row


def test_rows_that_one_array_cannot_hold_are_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "LARGEST", 10)
    builder = Builder([Column("text")], wide=False)
    batches = builder.batches([("four",)] * 5)
    assert [batch.num_rows for batch in batches] == [2, 1, 2]
    assert [text for batch in batches for text in batch.column(0).to_pylist()] == ["four"] * 5
