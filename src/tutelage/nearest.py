"""Misspelt names: the nearest that there is, for an error's sentence. Not covered: which names there are."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["near"]


def near(word: str, known: Iterable[str], then: str = "") -> str:
    """Give a part of a sentence that names the nearest known word, with what follows it; empty where none is near."""
    found = get_close_matches(word.lower(), list(known), n=1)
    return f" (did you mean {found[0] + then!r}?)" if found else ""
