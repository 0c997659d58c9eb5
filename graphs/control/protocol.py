"""The lines that client and batch exchange: one JSON object each, at most 64 MiB.

A client asks `{"id": 1, "do": "pause", "with": {"now": true}}` and is answered `{"id": 1, "ok": …}` or
`{"id": 1, "error": SENTENCE}`. The batch says `{"hello": {…}}` first, and unasked `{"event": …}` ("held", "gone",
"status", "over"). Lone surrogates pass as JSON escapes. Not covered: what can be asked (`Operations`).
"""

import json
from collections.abc import Mapping
from typing import Any

from tutelage.errors import UserError

__all__ = ["LONGEST_LINE", "VERSION", "line_of", "read_line"]

VERSION = 2
LONGEST_LINE = 64 << 20


def line_of(message: Mapping[str, Any]) -> bytes:
    """Give a message as a line.

    Raises:
        UserError: It is no plain data.
    """
    try:
        return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"this is no plain data: {error}") from error


def read_line(line: bytes) -> dict[str, Any]:
    """Read a line.

    Raises:
        UserError: It holds no JSON object.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"this is no line of JSON: {error}") from error
    if not isinstance(message, dict):
        raise UserError("a message is a JSON object")
    return message
