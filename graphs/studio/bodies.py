"""What a posted body may hold: the arguments of a function, each of one kind, checked before anything is done.

The kinds are annotations of the functions that do it (`actions`, `desk`). JSON's true is no number, and a number with a
point is no whole one. Not covered: whether a node, a turn or a field of the name is there; the session says that.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Annotated, Any, TypeAlias, get_args

from tutelage.errors import UserError

__all__ = [
    "Content",
    "Contents",
    "Fields",
    "Flag",
    "Messages",
    "Place",
    "Point",
    "Prompt",
    "Settings",
    "Text",
    "Texts",
    "Whole",
    "check",
    "check_kind",
]

LARGEST = 2**31 - 1
"""Whole number."""
SHOWN = 60
"""Characters of what is refused."""
PLACES = ("before", "prompt", "after")


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument may be, in words and as a test."""

    words: str
    fits: Callable[[Any], bool]


def check(name: str, function: Callable[..., Any], body: Mapping[str, Any], given: Sequence[str]) -> None:
    """Make sure that a function can be called with what was posted.

    Args:
        name: What the function is called there.
        function: Its arguments are annotated with kinds; one without takes anything.
        body: What was posted.
        given: The arguments that are not posted.

    Raises:
        UserError: An argument is unknown, missing, or not of its kind.
    """
    known = {key: each for key, each in signature(function).parameters.items() if key not in given}
    unknown = sorted(set(body) - set(known))
    if unknown:
        listed = ", ".join(known) or "none"
        raise UserError(f"{name} takes no {_cut(repr(unknown[0]))}; its arguments: {listed}")
    for key, each in known.items():
        if key in body:
            check_kind(f"{name}: {key}", each.annotation, body[key])
        elif each.default is Parameter.empty:
            raise UserError(f"{name} needs {key!r}")


def check_kind(what: str, annotation: Any, value: Any) -> None:
    """Make sure that a value is of the kind that an annotation tells.

    Raises:
        UserError: It is not.
    """
    parts = (annotation, *get_args(annotation))
    kind = next((each for part in parts for each in _kinds(part)), None)
    if kind is None or (value is None and type(None) in parts) or kind.fits(value):
        return
    raise UserError(f"{what} is {kind.words}, not {_cut(json.dumps(value, ensure_ascii=False))}")


def _kinds(annotation: Any) -> list[Kind]:
    return [each for each in getattr(annotation, "__metadata__", ()) if isinstance(each, Kind)]


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _fields(value: Any) -> bool:
    return isinstance(value, dict)


def _message(value: Any) -> bool:
    if not isinstance(value, dict) or not _text(value.get("role")) or "content" not in value:
        return False
    return _content(value["content"])


def _content(value: Any) -> bool:
    return value is None or _text(value) or (isinstance(value, list) and all(map(_fields, value)))


def _contents(value: Any) -> bool:
    return isinstance(value, list) and all(each is None or _text(each) for each in value)


def _messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_message, value))


def _point(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) == 2 and _whole(value[0]) and value[1] in PLACES
    return _whole(value)


OF_SETTINGS: Mapping[str, Callable[[Any], bool]] = {
    "temperature": _number,
    "top_p": _number,
    "max_tokens": _whole,
    "stop": lambda value: _text(value) or _texts(value),
    "logprobs": _flag,
}


def _settings(value: Any) -> bool:
    """A setting that there is not is refused by its name later."""
    return isinstance(value, dict) and all(
        OF_SETTINGS[name](each) for name, each in value.items() if name in OF_SETTINGS
    )


Content: TypeAlias = Annotated[Any, Kind("a text, a list of objects, or null", _content)]
Contents: TypeAlias = Annotated[
    Sequence[str | None], Kind("a list of texts, with null for what stays", _contents)
]
Flag: TypeAlias = Annotated[bool, Kind("true or false", _flag)]
Fields: TypeAlias = Annotated[Mapping[str, Any], Kind("an object of names and values", _fields)]
Messages: TypeAlias = Annotated[
    Sequence[Mapping[str, Any]], Kind("a list of messages, each with a role and a content", _messages)
]
Place: TypeAlias = Annotated[str, Kind('"before", "prompt" or "after"', lambda value: value in PLACES)]
Point: TypeAlias = Annotated[
    Any, Kind('a visit\'s number, or a list of it and "before", "prompt" or "after"', _point)
]
Prompt: TypeAlias = Annotated[
    Any, Kind("a text or a list of messages", lambda value: _text(value) or _messages(value))
]
Settings: TypeAlias = Annotated[
    Mapping[str, Any],
    Kind("an object of sampling settings: temperature, top_p, max_tokens, stop, logprobs", _settings),
]
Text: TypeAlias = Annotated[str, Kind("a text", _text)]
Texts: TypeAlias = Annotated[Sequence[str], Kind("a list of texts", _texts)]
Whole: TypeAlias = Annotated[int, Kind(f"a whole number from 0 to {LARGEST}", _whole)]
