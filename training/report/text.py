"""Foreign text in a page: escaped, and stripped of what could mislead a reader.

Model text is hostile. Markup is escaped; control characters and those that reorder text are shown as their
code points. Not covered: letters that look alike.
"""

import re
from html import escape

__all__ = ["shown", "visible"]

HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def shown(text: str) -> str:
    """Text as HTML, in an element that keeps its direction to itself."""
    return f"<bdi>{escape(visible(text))}</bdi>"


def visible(text: str) -> str:
    """Text without hidden characters, not yet escaped."""
    return HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)
