"""`Reply`: what the console answers to a line, for people (styled lines) and for programs (plain data).

A reply can be sent as JSON and read again (`to_json`, `from_json`), so that a terminal may drive a console in another
process. Not covered: colours, which are a face's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tutelage.graphs.console.styled import Line, Span, text_of

__all__ = ["Reply", "said"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one line."""

    lines: tuple[Line, ...] = ()
    data: Any = None
    """The same as plain data that JSON can hold; `None` where the lines say all."""
    refused: bool = False
    """Whether the line was not understood or could not be done; the last line says why."""
    ended: bool = False
    """Whether the user leaves."""

    @property
    def text(self) -> str:
        """The lines without styles."""
        return "\n".join(map(text_of, self.lines))

    def __add__(self, later: "Reply") -> "Reply":
        """Join two replies; the later one's data counts where it has any."""
        return Reply(
            (*self.lines, *later.lines),
            self.data if later.data is None else later.data,
            self.refused or later.refused,
            self.ended or later.ended,
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "lines": [[[span.text, span.style] for span in each] for each in self.lines],
            "data": self.data,
            "refused": self.refused,
            "ended": self.ended,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Reply":
        """Read what `to_json` gave; its text passes `printable` again."""
        lines = tuple(tuple(Span(text, style) for text, style in each) for each in data["lines"])
        return cls(lines, data["data"], bool(data["refused"]), bool(data["ended"]))


def said(*lines: str | Span | Line, data: Any = None) -> Reply:
    """Give a reply of lines; texts and single spans are lines of their own."""
    return Reply(tuple(_lines(lines)), data)


def _lines(lines: Iterable[str | Span | Line]) -> Iterable[Line]:
    for each in lines:
        if isinstance(each, str):
            yield (Span(each),)
        else:
            yield (each,) if isinstance(each, Span) else each
