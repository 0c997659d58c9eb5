"""How records are told on one line: ids, times, sizes, scores, verdicts."""

import math
import time
from collections.abc import Iterable

from tutelage.cli.tables import coloured
from tutelage.types import Score

__all__ = ["DIGITS", "painted", "passing", "score_text", "short", "size_text", "time_text", "verdict_text"]

DIGITS = 10
"""Of the end of an id, which is random: enough to tell the turns of a run apart."""
UNITS = ("B", "kB", "MB", "GB", "TB")
COLOURS = {"right": "green", "wrong": "red", "failed": "red", "says right": "cyan", "says wrong": "cyan"}


def short(id: str) -> str:
    """The end of an id, by which `tutelage show` finds it."""
    return id[-DIGITS:]


def time_text(seconds: float | None) -> str:
    """A time of this place; nothing where it is not known or beyond the calendar."""
    if seconds is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} s"


def size_text(size: float) -> str:
    """Bytes with a unit."""
    for unit in UNITS:
        if size < 1000 or unit == UNITS[-1]:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"


def passing(passed: bool | None, value: float | None) -> str:
    """A decision, else a value, else nothing."""
    if passed is not None:
        return "right" if passed else "wrong"
    return "" if value is None or math.isnan(value) else f"{value:.4g}"


def verdict_text(score: Score) -> str:
    """What a reviewer said."""
    return f"says {passing(score.passed, None) or 'nothing'}"


def score_text(score: Score) -> str:
    """A score with its name."""
    decided = passing(score.passed, score.value) or "undecided"
    value = "" if score.passed is None or math.isnan(score.value) else f" ({score.value:.4g})"
    return f"{score.name} {decided}{value}"


def painted(words: Iterable[str]) -> str:
    """Words joined, what is right in green, what is wrong in red."""
    return ", ".join(coloured(word, COLOURS[word]) if word in COLOURS else word for word in words)
