"""Answers as JSON that every browser reads: numbers finite or null, text valid Unicode.

Halves of characters (lone surrogates), which the record keeps, become U+FFFD. Not covered: text inside HTML
(`saved_page`).
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["HALVES", "cut", "json_bytes", "number"]

HALVES = re.compile("[\ud800-\udfff]")
"""Lone surrogates."""
LONGEST = 300
"""Characters of a text in a table."""


def json_bytes(value: Any) -> bytes:
    """Write plain data, and pydantic's models in it."""
    try:
        text = _encoded(value)
    except ValueError:
        text = _encoded(_finite(value))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return HALVES.sub("\ufffd", text).encode()


def cut(text: str | None, longest: int = LONGEST) -> str | None:
    """Shorten a text for a table; what is left out is marked by "…"."""
    return text if text is None or len(text) <= longest else f"{text[:longest]}…"


def number(value: Any, whole: bool = False) -> float | int | None:
    """Give a number of an array as JSON has it; `None` for what is not a number."""
    found = float(value)
    if math.isnan(found):
        return None
    return int(found) if whole else found


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)


def _default(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _finite(value.model_dump())
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no plain data")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, BaseModel):
        return _finite(value.model_dump())
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
