"""What commands take after their names: single words, whole numbers, settings, and names of turns."""

import json
import shlex
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = [
    "json_or_text",
    "none_after",
    "number_of",
    "numbers_of",
    "one_word",
    "quoted_words",
    "settings_of",
    "turn_of",
]


def none_after(name: str, rest: str) -> None:
    """Refuse what stands after a command that takes nothing.

    Raises:
        UserError: There is something.
    """
    if rest.strip():
        raise UserError(f"{name} takes nothing after it, and {rest.strip()!r} is there")


def one_word(usage: str, rest: str) -> str:
    """Give the one word after a command.

    Raises:
        UserError: There is none, or there are several.
    """
    words = rest.split()
    if len(words) != 1:
        raise UserError(f"give one word: {usage}")
    return words[0]


def number_of(usage: str, text: str, least: int = 0) -> int:
    """Give a whole number.

    Raises:
        UserError: It is none, or too small.
    """
    if not text.isascii() or not text.isdecimal() or len(text) > 15 or int(text) < least:
        raise UserError(f"{text[:60]!r} is no whole number from {least}: {usage}")
    return int(text)


def numbers_of(usage: str, rest: str) -> list[int]:
    """Give at least one whole number from 1.

    Raises:
        UserError: There is none, or something else.
    """
    words = rest.replace(",", " ").split()
    if not words:
        raise UserError(f"give a number: {usage}")
    return [number_of(usage, word, 1) for word in words]


def quoted_words(usage: str, rest: str) -> list[str]:
    """Give words as a shell reads them: quotes hold what has spaces.

    Raises:
        UserError: A quote is not closed.
    """
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise UserError(f"{str(error).lower()}: {usage}") from error


def settings_of(usage: str, words: list[str]) -> dict[str, Any]:
    """Give KEY=VALUE words as a mapping; a value that is JSON is what it says, anything else a text.

    Raises:
        UserError: One is no pair.
    """
    settings: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise UserError(f"{word!r} is not KEY=VALUE: {usage}")
        settings[key] = json_or_text(value)
    return settings


def json_or_text(text: str) -> Any:
    """What a text is as JSON, with whole numbers of any size; the text where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def turn_of(console: "Console", text: str) -> str | None:
    """Give the whole id of a turn from its beginning or its last digits; `None` for no text, the latest turn.

    Raises:
        UserError: No turn of this branch is called so, or several are.
    """
    word = text.strip()
    if not word:
        return None
    found = {turn for turn in console.turns() if turn.startswith(word) or turn.endswith(word)}
    if len(found) != 1:
        why = "no turn" if not found else f"{len(found)} turns"
        raise UserError(f"{why} of this branch is called {word!r}; history lists them")
    return str(found.pop())
