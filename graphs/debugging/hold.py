"""What waits for a person: a node or a model call that is held, and the call as it was asked.

Not covered: why it is held, and how it goes on (`execution`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tutelage.agents.engine import Engine, Request
from tutelage.graphs.debugging.place import Entry
from tutelage.graphs.debugging.track import Tracked
from tutelage.graphs.debugging.view import When

__all__ = ["Asked", "Hold", "is_meant"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A model call of a node."""

    request: Request
    """As the node made it."""
    name: str
    """Equal for equal requests."""
    nth: int
    """Which of the node's equal calls, from 1."""
    edits: Sequence[Mapping[str, Any]]
    """What a person changed in it before."""


@dataclass(slots=True, eq=False)
class Hold:
    """A node, or a model call in it, that waits for a person."""

    entry: Entry
    visit: Tracked
    when: When
    why: str
    released: "asyncio.Future[None]"
    breakpoint: int | None = None
    request: Request | None = None
    """What is about to be sent, as a person left it."""
    asked: "Asked | None" = None
    engine: Engine | None = None
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    said: str | None = None
    """What a person says in the model's stead."""
    question: Any = None
    answered: list[Any] = field(default_factory=list)
    error: str | None = None
    again: bool = False
    """Whether the node that failed is to run again."""

    @property
    def passing(self) -> bool:
        """Whether only a step or a pause holds it."""
        return self.breakpoint is None and self.when in ("before", "prompt", "after")


def is_meant(edit: Mapping[str, Any], asked: str, nth: int, first: bool) -> bool:
    """Whether a person's edit of a prompt is meant for a call: the nth that asks this, or the first of its visit."""
    if edit["asked"] is None:
        return first
    return bool(edit["asked"] == asked and edit["nth"] == nth)
