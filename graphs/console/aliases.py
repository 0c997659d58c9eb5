"""Aliases: a name for a longer line, with pdb's `%1` … `%9` and `%*` for what stands after the name."""

import re
from collections.abc import Mapping

from tutelage.errors import UserError

__all__ = ["expanded"]

PLACE = re.compile(r"%(\d|\*)")
DEEPEST = 16


def expanded(aliases: Mapping[str, str], text: str) -> str:
    """Give a line with the alias at its beginning resolved, also where that begins with another.

    Raises:
        UserError: Aliases that name each other in a ring, or words that are missing.
    """
    for _ in range(DEEPEST):
        words = text.split()
        if not words or words[0] not in aliases:
            return text
        text = _filled(words[0], aliases[words[0]], words[1:])
    raise UserError(f"alias {text.split()[0]!r}: aliases name each other in a ring")


def _filled(name: str, pattern: str, words: list[str]) -> str:
    if not PLACE.search(pattern):
        return " ".join([pattern, *words])

    def word(match: re.Match[str]) -> str:
        if match[1] == "*":
            return " ".join(words)
        if int(match[1]) > len(words) or match[1] == "0":
            raise UserError(f"alias {name!r}: needs a word for {match[0]} in {pattern!r}")
        return words[int(match[1]) - 1]

    return PLACE.sub(word, pattern)
