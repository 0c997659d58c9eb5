"""Long texts in pieces: how a text begins, how long it is, and any part of it on request.

A page must not be asked to hold ten megabytes. Lengths and offsets count characters (code points). Not covered: which
texts there are.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.errors import UserError

__all__ = ["FIRST", "LONGEST_PART", "begun", "content_text", "message_row", "part_of", "rationed"]

FIRST = 100_000
"""Characters of a text that are given with the thing it belongs to."""
LONGEST_PART = 1_000_000
"""Characters of a part."""
RATION = 600_000
"""Characters of all messages of a prompt together; beyond that each has `LEAST`."""
LEAST = 300


def begun(text: str, longest: int = FIRST) -> str:
    """Give how a text begins."""
    return text[:longest]


def part_of(text: str, offset: int, length: int) -> dict[str, Any]:
    """Give a part of a text.

    Raises:
        UserError: The place is no place.
    """
    if offset < 0 or not 0 < length <= LONGEST_PART:
        raise UserError(f"a part begins at 0 or later and has 1 to {LONGEST_PART} characters")
    return {"text": text[offset : offset + length], "offset": offset, "size": len(text)}


def content_text(content: Any) -> tuple[str, bool]:
    """Give the content of a message as text, and whether that is JSON."""
    if isinstance(content, str):
        return content, False
    return ("", False) if content is None else (json.dumps(content, ensure_ascii=False, indent=2), True)


def message_row(message: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """Give a message of a prompt: role, how its content begins, its size, and whatever else it holds as JSON."""
    text, encoded = content_text(message.get("content"))
    rest = {key: value for key, value in message.items() if key not in ("role", "content")}
    more, _ = content_text(rest or None)
    return {
        "role": str(message.get("role", "")),
        "content": begun(text, longest),
        "size": len(text),
        "json": encoded,
        "more": begun(more, LEAST * 10) or None,
    }


def rationed(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the messages of a prompt, the last ones whole first, all together not too long for a page."""
    left, rows = RATION, []
    for message in reversed(messages):
        row = message_row(message, max(LEAST, min(FIRST, left)))
        left -= len(row["content"])
        rows.append(row)
    return rows[::-1]
