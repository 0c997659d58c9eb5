"""Misspelt names: the nearest that there is, for the end of an error's sentence.

Not covered: which names there are.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["known_names", "near", "nearest"]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known name that is most like a word, whatever the case; `None` where none is like it."""
    found = get_close_matches(word.lower(), list(known), n=1)
    return found[0] if found else None


def near(word: str, known: Iterable[str], then: str = "") -> str:
    """Give a part of a sentence that names the nearest, with what follows it; empty where none is near."""
    found = nearest(word, known)
    return "" if found is None else f" (did you mean {found + then!r}?)"


def known_names(word: str, known: Iterable[str]) -> str:
    """Give the end of a sentence that names the nearest, and all that there are."""
    listed = sorted(set(known))
    found = nearest(word, listed)
    told = ", ".join(listed) or "none"
    return f"there are: {told}" if found is None else f"did you mean {found!r}? (there are: {told})"
