"""How values become bytes, and the bodies that are kept once however often they are said.

Text is UTF-8 with lone surrogates passed through, so every Python string comes back exactly; JSON is kept
unescaped for the same reason. A packed body starts with one byte that says whether zlib made it smaller. Not
covered: arrays of numbers (`tutelage.traces.arrays`), checking digests on reading.
"""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable
from typing import Any

from tutelage.errors import UserError

__all__ = [
    "bytes_text",
    "content_of",
    "digest",
    "fetch",
    "json_bytes",
    "json_text",
    "pack",
    "text_bytes",
    "text_value",
    "unpack",
    "value_text",
]

SMALLEST = 512
"""Bytes below which compressing is not worth its time."""
AT_ONCE = 500
"""Bodies asked for in one query."""
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def digest(raw: bytes) -> bytes:
    """The name of a content: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(raw).digest()[:16]


def fetch(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, bytes]:
    """Read contents by row number."""
    wanted = sorted(set(numbers))
    found: dict[int, bytes] = {}
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        marks = ",".join("?" * len(part))
        rows = connection.execute(f"SELECT id, data FROM bodies WHERE id IN ({marks})", part)
        found.update((number, unpack(data)) for number, data in rows)
    return found


def pack(raw: bytes) -> bytes:
    """One byte, then the bytes as they are (0) or compressed (1), whichever is shorter."""
    if len(raw) >= SMALLEST:
        small = zlib.compress(raw, 1)
        if len(small) < len(raw):
            return b"\1" + small
    return b"\0" + raw


def unpack(data: bytes) -> bytes:
    """Undo `pack`."""
    return zlib.decompress(data[1:]) if data[0] else data[1:]


def text_bytes(text: str) -> bytes:
    """Encode any string, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def bytes_text(raw: bytes) -> str:
    """Undo `text_bytes`."""
    return raw.decode("utf-8", "surrogatepass")


def text_value(text: str | None) -> str | bytes | None:
    """Give what SQLite can hold: the string itself, or its bytes where it is not valid Unicode."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text_bytes(text)
    return text


def value_text(value: str | bytes | None) -> str | None:
    """Undo `text_value`."""
    return bytes_text(value) if isinstance(value, bytes) else value


def json_text(value: object, what: str) -> str:
    """Write plain data as JSON.

    Args:
        value: Dicts with string keys, lists, tuples, strings, numbers, booleans and `None`.
        what: What it is, for the error.

    Raises:
        UserError: It holds something else.
    """
    try:
        return ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{what} cannot be recorded: it is not plain JSON data ({error})") from error


def json_bytes(value: object, what: str) -> bytes:
    """The same, as the bytes of a body."""
    return text_bytes(json_text(value, what))


def content_of(raw: bytes) -> Any:
    """Read JSON back from a body."""
    return json.loads(bytes_text(raw))
