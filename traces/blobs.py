"""How values become bytes, and the bodies that are kept once however often they are said.

Text is UTF-8 with lone surrogates passed through, so every Python string comes back exactly; JSON is kept
unescaped for the same reason. Arrays are packed little endian. Everything packed starts with one byte that
says whether zlib made it smaller. Not covered: checking digests on reading.
"""

import hashlib
import json
import sqlite3
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tutelage.errors import UserError

__all__ = [
    "Body",
    "body",
    "bytes_text",
    "chunks",
    "fetch",
    "joined",
    "json_text",
    "pack",
    "pack_array",
    "put",
    "text_bytes",
    "text_value",
    "unpack",
    "unpack_array",
    "value_text",
]

CHUNK = 1024
"""Token ids in one body: prompts that share a prefix share its whole chunks."""
SMALLEST = 64
"""Bytes below which compressing is not tried."""
AT_ONCE = 500
"""Bodies asked for in one query."""
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Body(NamedTuple):
    """A content and its SHA-256."""

    digest: bytes
    raw: bytes


def body(raw: bytes) -> Body:
    """Hash a content."""
    return Body(hashlib.sha256(raw).digest(), raw)


def put(connection: sqlite3.Connection, content: Body) -> int:
    """Keep a content unless it is kept already; give its row number."""
    row = connection.execute("SELECT id FROM bodies WHERE digest = ?", (content.digest,)).fetchone()
    if row is None:
        sql = "INSERT INTO bodies (digest, data) VALUES (?, ?) RETURNING id"
        row = connection.execute(sql, (content.digest, pack(content.raw))).fetchone()
    return int(row[0])


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


def pack_array(code: str, values: Sequence[float]) -> bytes:
    """Pack numbers as int32 ("i"), float32 ("f") or float64 ("d")."""
    return pack(_array_bytes(code, values))


def unpack_array(code: str, data: bytes) -> tuple[Any, ...]:
    """Undo `pack_array`."""
    return tuple(_from_bytes(code, unpack(data)))


def chunks(ids: Sequence[int]) -> Iterator[Body]:
    """Cut token ids into bodies of int32, so that a shared prefix is kept once."""
    return (body(_array_bytes("i", ids[start : start + CHUNK])) for start in range(0, len(ids), CHUNK))


def joined(parts: Iterable[bytes]) -> tuple[int, ...]:
    """Undo `chunks`."""
    return tuple(_from_bytes("i", b"".join(parts)))


def _array_bytes(code: str, values: Sequence[float]) -> bytes:
    packed = array(code, values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _from_bytes(code: str, raw: bytes) -> "array[Any]":
    values = array(code, raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values


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
