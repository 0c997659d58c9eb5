"""Foreign text for a terminal: the one place that text from models, files and servers passes before it is printed.

A terminal obeys what it prints: escape sequences move the cursor, rename the window and colour what follows,
and marks of direction reorder a line. Here every control character and every invisible one that could mislead
a reader is shown as its code point, ⟨U+001B⟩. Line feeds stay, tabs become spaces. Not covered: mark-up of the
library that prints (with rich, print a `rich.text.Text`), letters that look alike, and the width of a line.
"""

import re

__all__ = ["printable"]

TAB = "    "

HIDDEN = re.compile(
    "["
    "\x00-\x09\x0b-\x1f\x7f-\x9f"
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
"""C0 and C1 controls but line feeds, marks of direction, line and paragraph separators, invisible fillers and
operators, tags, lone surrogates, noncharacters. Joiners and variation selectors stay: scripts and emoji need
them."""


def printable(text: str) -> str:
    """Give text that a terminal shows and does not obey; plain text comes back as it is."""
    return HIDDEN.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    character = match[0]
    return TAB if character == "\t" else f"⟨U+{ord(character):04X}⟩"
