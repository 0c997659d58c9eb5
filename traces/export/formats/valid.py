"""Values that every JSON reader and every protobuf string takes.

Both want valid Unicode and finite numbers; the record holds any Python string. A lone surrogate is written as
the six characters of its escape (`\\ud83d`), so that a reader sees what was there; everything else, NUL,
terminal escapes and directional marks included, stays as it is. A number that is not finite is missing
(`None`). Not covered: the way back. Text that held a surrogate and text that spelled its escape look alike.
"""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["present", "valid", "valid_text"]


def valid_text(text: str) -> str:
    """Give text that has a UTF-8 encoding."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def valid(value: Any) -> Any:
    """Give plain data (mappings, sequences, text, numbers) with valid text and finite numbers only."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {valid_text(str(key)): valid(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [valid(item) for item in value]
    return value


def present(**fields: Any) -> dict[str, Any]:
    """Give the fields that are there: neither `None` nor empty."""
    return {name: value for name, value in fields.items() if value is not None and value not in ({}, [], ())}
