"""Columns: the name and the kind of what a row holds, and the plain value that a reader sees.

A format says which columns it has. How they become Arrow arrays is in `tutelage.traces.export.arrow`, which is
the only module here that needs pyarrow.
"""

import math
from array import array
from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

__all__ = ["Column", "Kind", "plain"]


class Kind(Enum):
    """What a column's values are while a row is on its way."""

    TEXT = "text"
    """`str` or `None`."""
    FLAG = "flag"
    """`bool` or `None`."""
    NUMBER = "number"
    """`int` or `None`."""
    REAL = "real"
    """`float` or `None`."""
    JSON = "json"
    """Plain data; JSON text in a file of columns, itself in JSONL."""
    MESSAGES = "messages"
    """A tuple of messages."""
    TEXTS = "texts"
    """A sequence of `str`."""
    FLAGS = "flags"
    """A sequence of `bool`."""
    REALS = "reals"
    """A sequence of `float`."""
    TOKENS = "tokens"
    """int32, packed in bytes, little endian."""
    MASK = "mask"
    """0 or 1, packed in bytes."""
    FLOATS = "floats"
    """float32, packed in bytes, little endian."""
    TOKEN_TABLE = "token table"
    """A pair: int32 packed in bytes, and how many make one inner list."""
    FLOAT_TABLE = "float table"
    """The same with float32."""


class Column(NamedTuple):
    """One column."""

    name: str
    kind: Kind = Kind.TEXT


def plain(kind: Kind, value: Any) -> Any:
    """Give a value as JSON has it."""
    if value is None:
        return None
    if kind is Kind.TOKENS:
        return array("i", value).tolist()
    if kind is Kind.MASK:
        return list(value)
    if kind is Kind.FLOATS:
        return array("f", value).tolist()
    if kind is Kind.TOKEN_TABLE:
        return _table(array("i", value[0]).tolist(), value[1])
    if kind is Kind.FLOAT_TABLE:
        finite = [each if math.isfinite(each) else None for each in array("f", value[0])]
        return _table(finite, value[1])
    if kind in (Kind.MESSAGES, Kind.TEXTS, Kind.FLAGS, Kind.REALS):
        return list(value)
    return value


def _table(values: Sequence[Any], width: int) -> list[Sequence[Any]]:
    return [values[start : start + width] for start in range(0, len(values), width)]
