"""Styled text that no terminal can obey: `Span`, `Line`, and ways to build them.

Whatever becomes a span passes `tutelage.printable`, and stays on its line; a face may print spans as they are. Styles
are names: each face has its own colours for them. Not covered: the width of a line, except where a text is cut.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, JsonValue

from tutelage.printable import printable

__all__ = ["Line", "Span", "Style", "block", "brief", "cut", "line", "plain_data", "text_of", "value_lines"]

Style: TypeAlias = Literal["plain", "bold", "dim", "heading", "node", "good", "bad", "warning"]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line in one style."""

    text: str
    style: Style = "plain"

    def __post_init__(self) -> None:
        """Make the text harmless; line feeds become a sign."""
        object.__setattr__(self, "text", printable(self.text).replace("\n", "↵"))


Line: TypeAlias = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """Give a line of pieces; texts are plain ones."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def block(text: str, *, indent: int = 2, style: Style = "plain") -> Iterator[Line]:
    """Give foreign text line by line, indented, so that none of it looks like the console's own words."""
    for each in text.split("\n"):
        yield (Span(" " * indent), Span(each, style))


def text_of(shown: Line) -> str:
    """Give a line without its styles."""
    return "".join(span.text for span in shown)


def plain_data(value: Any) -> JsonValue:
    """Give any value of a graph's state as plain data; what is none becomes its text."""
    if isinstance(value, BaseModel):
        return plain_data(value.model_dump(mode="json"))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_data(each) for key, each in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [plain_data(each) for each in value]
    return repr(value)


def brief(value: Any, width: int = 60) -> str:
    """Give a value on one line as Python writes it, cut to a width."""
    return cut(repr(plain_data(value)), width)


def cut(text: str, width: int) -> str:
    """Give a text cut to so many characters; an ellipsis says so."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def value_lines(value: Any, *, indent: int = 2) -> Iterator[Line]:
    """Give a whole value: a text line by line, anything else as indented JSON."""
    plain = plain_data(value)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, indent=2)
    return block(text, indent=indent)
