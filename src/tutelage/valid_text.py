"""Text for files that hold valid Unicode only, and the way back: `valid_text` and `original_text`.

A Python string may hold halves of characters (lone surrogates): a model's broken bytes, or a JSON escape cut in
two. The record keeps them; Parquet, Arrow and most readers of JSON cannot. There each half is written as U+FDD0
and its four hexadecimal digits. U+FDD0 is a noncharacter, set aside by the Unicode standard (section 23.7) for
a program's own use; where a text holds it already, it is written the same way, so nothing is ambiguous and
`original_text` gives every text back. All other text stays as it is. Not covered: what a trainer makes of such a
row; exports count them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["is_valid", "original_data", "original_text", "valid_data", "valid_text"]

MARK = "\ufdd0"
UNWRITABLE = re.compile(f"[\ud800-\udfff{MARK}]")
WRITTEN = re.compile(f"{MARK}([0-9a-f]{{4}})")


def valid_text(text: str) -> str:
    """Give text that UTF-8 can encode; the same object where it could before."""
    if text.isascii():
        return text
    return UNWRITABLE.sub(lambda match: f"{MARK}{ord(match[0]):04x}", text)


def original_text(text: str) -> str:
    """Undo `valid_text`."""
    return WRITTEN.sub(lambda match: chr(int(match[1], 16)), text) if MARK in text else text


def is_valid(text: str) -> bool:
    """Say whether `valid_text` leaves a text as it is."""
    return text.isascii() or UNWRITABLE.search(text) is None


def valid_data(value: Any) -> Any:
    """Give plain data with every string in it valid, keys included."""
    return _mapped(value, valid_text)


def original_data(value: Any) -> Any:
    """Undo `valid_data`."""
    return _mapped(value, original_text)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): _mapped(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    if isinstance(value, tuple):
        return tuple(_mapped(each, change) for each in value)
    return value
