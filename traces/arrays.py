"""How arrays of numbers become bytes: token ids, log-probabilities, step scores; all little endian.

Token ids are kept as planes: the lowest byte of every id, then the next byte of every id, as many as the
greatest id needs; they are compressed where that is worth it. One byte in front says how. Log-probabilities
are float32 without a byte in front, since they do not compress.
"""

import sys
import zlib
from array import array
from collections.abc import Sequence
from typing import Any

from tutelage.errors import UserError

__all__ = [
    "WIDTH",
    "id_bytes",
    "ids_of",
    "logprob_bytes",
    "logprobs_of",
    "pack_ids",
    "pack_steps",
    "steps_of",
    "unpack_ids",
]

WIDTH = 4
"""Bytes of one token id in a full sequence."""
ZLIB = 0x80
SIGN = 0x80
"""Flag of the byte in front; the rest is the number of planes."""
SMALLEST = 1024
"""Bytes below which compressing is not worth its time."""
SWAPPED = sys.byteorder == "big"


def id_bytes(ids: Sequence[int]) -> bytes:
    """Give token ids as int32.

    Raises:
        UserError: One is no whole number from 0 to 2³¹-1.
    """
    try:
        values = array("i", ids)
    except (TypeError, OverflowError) as error:
        raise UserError(f"token ids cannot be recorded: {error}") from error
    raw = _raw(values)
    if max(raw[3::4].lstrip(b"\0"), default=0) >= SIGN:
        raise UserError(f"token ids cannot be recorded: {min(ids)} is below 0")
    return raw


def ids_of(raw: bytes) -> tuple[int, ...]:
    """Undo `id_bytes`."""
    return tuple(_array("i", raw))


def pack_ids(raw: bytes) -> bytes:
    """Pack token ids that are given as int32."""
    planes = [raw[0::4], raw[1::4], raw[2::4], raw[3::4]]
    while planes and not planes[-1].lstrip(b"\0"):
        planes.pop()
    if not planes and raw:
        planes.append(raw[0::4])
    packed = b"".join(planes)
    if len(packed) >= SMALLEST:
        small = zlib.compress(packed, 1)
        if len(small) < len(packed):
            return bytes((len(planes) | ZLIB,)) + small
    return bytes((len(planes),)) + packed


def unpack_ids(data: bytes) -> bytes:
    """Undo `pack_ids`: token ids as int32."""
    planes = data[0] & ~ZLIB
    if not planes:
        return b""
    packed = zlib.decompress(data[1:]) if data[0] & ZLIB else data[1:]
    length = len(packed) // planes
    raw = bytearray(WIDTH * length)
    for plane in range(planes):
        raw[plane::WIDTH] = packed[plane * length : (plane + 1) * length]
    return bytes(raw)


def logprob_bytes(values: Sequence[float]) -> bytes:
    """Give log-probabilities as float32.

    Raises:
        UserError: One is no number.
    """
    try:
        packed = array("f", values)
    except TypeError as error:
        raise UserError(f"log-probabilities cannot be recorded: {error}") from error
    return _raw(packed)


def logprobs_of(raw: bytes) -> tuple[float, ...]:
    """Undo `logprob_bytes`."""
    return tuple(_array("f", raw))


def pack_steps(values: Sequence[float]) -> bytes:
    """Give step scores as float64 with a byte in front."""
    return b"\0" + _raw(array("d", values))


def steps_of(data: bytes) -> tuple[float, ...]:
    """Undo `pack_steps`, and its compressed form of schema 1."""
    return tuple(_array("d", zlib.decompress(data[1:]) if data[0] else data[1:]))


def _raw(values: "array[Any]") -> bytes:
    if SWAPPED:
        values.byteswap()
    return values.tobytes()


def _array(code: str, raw: bytes) -> "array[Any]":
    values = array(code, raw)
    if SWAPPED:
        values.byteswap()
    return values
