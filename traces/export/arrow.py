"""Columns to Arrow: schemas, and record batches built from flat values and offsets.

A lone surrogate, which no Arrow string can hold, is written as `tutelage.valid_text` does, which can be undone;
`Builder.replaced` counts the rows. Messages are structs of a role and a text; where some message of
the run has more (tool calls, parts, names) they are Arrow's JSON type, which `datasets` gives back as they were
recorded, without keys that others have.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.record import Message
from tutelage.valid_text import MARK, valid_data

__all__ = ["Builder"]

PLAIN = pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())])

SIMPLE: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
    Kind.NUMBER: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.JSON: pa.json_(),
}
INNER = {Kind.TEXTS: Kind.TEXT, Kind.FLAGS: Kind.FLAG, Kind.REALS: Kind.REAL}
"""Lists, and what is in them."""
PACKED: dict[Kind, pa.DataType] = {
    Kind.TOKENS: pa.int32(),
    Kind.MASK: pa.int8(),
    Kind.FLOATS: pa.float32(),
    Kind.TOKEN_TABLE: pa.int32(),
    Kind.FLOAT_TABLE: pa.float32(),
}
MARKED = MARK.encode()
LARGEST = 2**31 - 1
"""What the offsets of an Arrow array can say."""
TABLES = (Kind.TOKEN_TABLE, Kind.FLOAT_TABLE)


class Builder:
    """Makes record batches with one schema."""

    def __init__(self, columns: Sequence[Column], *, wide: bool) -> None:
        """Prepare for these columns; `wide` where messages have more than a role and a text."""
        self._columns = columns
        self._wide = wide
        self.replaced = 0
        """Rows in which lone surrogates were written otherwise."""
        self.schema = pa.schema([pa.field(column.name, self._type(column.kind)) for column in columns])

    def batches(self, rows: Sequence[Sequence[Any]]) -> list[pa.RecordBatch]:
        """Make a batch of rows, each a value a column; several where one cannot hold them."""
        if not rows:
            return []
        try:
            made = self._several(rows)
            if not any(_has_mark(batch) for batch in made):
                return made
        except UnicodeEncodeError:
            pass
        valid: list[Sequence[Any]] = [valid_data(tuple(row)) for row in rows]
        self.replaced += sum(new != tuple(old) for new, old in zip(valid, rows, strict=True))
        return self._several(valid)

    def _several(self, rows: Sequence[Sequence[Any]]) -> list[pa.RecordBatch]:
        try:
            return [self._batch(rows)]
        except OverflowError:
            half = len(rows) // 2
            if not half:
                raise
            return self._several(rows[:half]) + self._several(rows[half:])

    def _batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        arrays = [
            self._array(column.kind, values)
            for column, values in zip(self._columns, zip(*rows, strict=True), strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _type(self, kind: Kind) -> pa.DataType:
        if kind in SIMPLE:
            return SIMPLE[kind]
        if kind in INNER:
            return pa.list_(SIMPLE[INNER[kind]])
        if kind is Kind.MESSAGES:
            return pa.list_(pa.json_() if self._wide else PLAIN)
        inner = pa.list_(PACKED[kind])
        return pa.list_(inner) if kind in TABLES else inner

    def _array(self, kind: Kind, values: Sequence[Any]) -> pa.Array:
        if kind in INNER:
            return _lists(values, lambda flat: _flat(INNER[kind], flat))
        if kind is Kind.MESSAGES:
            return _lists(values, self._messages)
        if kind in TABLES:
            return _tables(PACKED[kind], values)
        if kind in PACKED:
            return _packed(PACKED[kind], values)
        return _flat(kind, values)

    def _messages(self, messages: Sequence[Message]) -> pa.Array:
        if self._wide:
            return _flat(Kind.JSON, messages)
        roles = _strings([message["role"] for message in messages])
        contents = _strings([message["content"] for message in messages])
        return pa.StructArray.from_arrays([roles, contents], fields=list(PLAIN))


def _flat(kind: Kind, values: Sequence[Any]) -> pa.Array:
    """One value a row. `pyarrow.array` would import pandas to see whether a list is one of its own."""
    if kind is Kind.TEXT:
        return _strings(values)
    if kind is Kind.JSON:
        texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        return pa.ExtensionArray.from_storage(pa.json_(), _strings(texts))
    filled = [0 if value is None else value for value in values]
    if kind is Kind.FLAG:
        numbers = np.packbits(np.array(filled, np.bool_), bitorder="little")
    else:
        numbers = np.array(filled, np.int64 if kind is Kind.NUMBER else np.float64)
    return pa.Array.from_buffers(SIMPLE[kind], len(values), [_valid_bits(values), pa.py_buffer(numbers)])


def _strings(values: Sequence[Any]) -> pa.Array:
    valid = _valid_bits(values)
    texts = values if valid is None else ["" if value is None else value for value in values]
    joined = "".join(texts)
    raw = joined.encode()
    sizes: Iterable[int] = map(len, texts)
    if len(raw) != len(joined):
        sizes = [len(text.encode()) for text in texts]
    offsets = _offsets(np.fromiter(sizes, np.int64, len(texts)))
    return pa.Array.from_buffers(pa.string(), len(values), [valid, pa.py_buffer(offsets), pa.py_buffer(raw)])


def _lists(values: Sequence[Any], inner: Callable[[Sequence[Any]], pa.Array]) -> pa.Array:
    flat = [item for value in values if value is not None for item in value]
    return _list_array(inner(flat), [0 if value is None else len(value) for value in values], values)


def _packed(kind: pa.DataType, values: Sequence[bytes | None]) -> pa.Array:
    width = kind.bit_width // 8
    flat = b"".join([value for value in values if value is not None])
    sizes = [0 if value is None else len(value) // width for value in values]
    return _list_array(_numbers(kind, flat), sizes, values)


def _tables(kind: pa.DataType, values: Sequence[tuple[bytes, int] | None]) -> pa.Array:
    width = kind.bit_width // 8
    counts = [0 if value is None else len(value[0]) // width // value[1] for value in values]
    sizes = [value[1] for value, count in zip(values, counts, strict=True) if value for _ in range(count)]
    flat = b"".join([value[0] for value in values if value is not None])
    return _list_array(_list_array(_numbers(kind, flat), sizes, sizes), counts, values)


def _list_array(flat: pa.Array, sizes: Sequence[int], values: Sequence[Any]) -> pa.Array:
    buffers = [_valid_bits(values), pa.py_buffer(_offsets(sizes))]
    return pa.Array.from_buffers(pa.list_(flat.type), len(sizes), buffers, children=[flat])


def _numbers(kind: pa.DataType, raw: bytes) -> pa.Array:
    return pa.Array.from_buffers(kind, len(raw) * 8 // kind.bit_width, [None, pa.py_buffer(raw)])


def _offsets(sizes: Any) -> "np.ndarray[Any, np.dtype[np.int32]]":
    """Where each value begins, and the last one ends.

    Raises:
        OverflowError: There is more than one Arrow array may hold.
    """
    ends = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=ends[1:])
    if ends[-1] > LARGEST:
        raise OverflowError("more than one Arrow array may hold")
    return ends.astype(np.int32)


def _valid_bits(values: Sequence[Any]) -> pa.Buffer | None:
    """A bitmap of what is there; `None` where everything is."""
    if None not in values:
        return None
    there = np.array([value is not None for value in values], np.bool_)
    return pa.py_buffer(np.packbits(there, bitorder="little"))


def _has_mark(batch: pa.RecordBatch) -> bool:
    """Whether some text holds the mark by which what Arrow cannot hold is written."""
    return any(_texts_hold_mark(column) for column in batch.columns)


def _texts_hold_mark(array: pa.Array) -> bool:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _texts_hold_mark(array.storage)
    if pa.types.is_string(kind):
        raw = array.buffers()[2]
        return raw is not None and MARKED in raw.to_pybytes()
    if pa.types.is_list(kind):
        return _texts_hold_mark(array.values)
    return pa.types.is_struct(kind) and any(map(_texts_hold_mark, array.flatten()))
