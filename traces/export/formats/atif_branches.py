"""The turns of a rollout as straight conversations: one branch for every path that a role's words took.

A turn whose prompt begins with an earlier turn's prompt and completion goes on with that turn's branch where
the same role spoke last; every other turn begins a branch: the samples of one call, a fork, a prompt of its
own. So each turn is the author of one item of one branch, and whatever precedes it there is its true prompt.
Items that an earlier branch has word for word in the same place are copied context, and so is every assistant
message that no turn of this branch wrote. Not covered: what a format makes of them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tutelage.traces.record import Message, Turn

__all__ = ["Branch", "Item", "branches"]


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a branch: of a prompt, or a turn's completion."""

    message: Message | None = None
    """The prompt's message; `None` where `turn` is the author."""
    turn: Turn | None = None
    origin: str | None = None
    """The id of the turn that a prompt's assistant message quotes, where there is one."""
    copied: bool = False


@dataclass(slots=True)
class Branch:
    """A straight conversation of one role."""

    role: str
    items: list[Item] = field(default_factory=list)

    @property
    def turns(self) -> list[Turn]:
        """The turns that this branch is the place of, in order; at least one."""
        return [item.turn for item in self.items if item.turn is not None]


def branches(turns: Iterable[Turn]) -> list[Branch]:
    """Lay the turns of one rollout, in the order they were recorded, out as branches."""
    forest = _Forest()
    for turn in turns:
        forest.add(turn)
    return forest.branches


class _Forest:
    def __init__(self) -> None:
        self.branches: list[Branch] = []
        self._seen: set[bytes] = set()
        self._ends: dict[bytes, list[tuple[Turn, Branch]]] = {}

    def add(self, turn: Turn) -> None:
        prefixes = _prefixes(turn.messages)
        branch, begin = self._place(turn, prefixes)
        for message, prefix in zip(turn.messages[begin:], prefixes[begin:], strict=True):
            quoted = self._quoted(prefix, turn.parents)
            assistant = message.get("role") == "assistant"
            branch.items.append(
                Item(
                    message=message,
                    origin=quoted[0].id if quoted and assistant else None,
                    copied=assistant or prefix in self._seen,
                )
            )
            self._seen.add(prefix)
        said = {"role": "assistant", "content": turn.completion, "tool_calls": turn.tool_calls}
        end = _after(prefixes[-1] if prefixes else b"", said)
        branch.items.append(Item(turn=turn))
        self._seen.add(end)
        self._ends.setdefault(end, []).append((turn, branch))

    def _place(self, turn: Turn, prefixes: Sequence[bytes]) -> tuple[Branch, int]:
        """Give the branch that the turn goes on with, and how many of its messages are there already."""
        for number in range(len(prefixes), 0, -1):
            quoted = self._quoted(prefixes[number - 1], turn.parents)
            if quoted is not None:
                earlier, branch = quoted
                if branch.role == turn.role and branch.items[-1].turn is earlier:
                    return branch, number
                break
        self.branches.append(Branch(turn.role))
        return self.branches[-1], 0

    def _quoted(self, prefix: bytes, parents: Sequence[str]) -> tuple[Turn, Branch] | None:
        """Find the turn that ends so; of several with the same words, one that is named as a parent."""
        ends = self._ends.get(prefix, [])
        return next((end for end in ends if end[0].id in parents), ends[0] if ends else None)


def _prefixes(messages: Sequence[Message]) -> list[bytes]:
    prefixes: list[bytes] = []
    for message in messages:
        prefixes.append(_after(prefixes[-1] if prefixes else b"", message))
    return prefixes


def _after(prefix: bytes, message: Mapping[str, Any]) -> bytes:
    content = message.get("content")
    calls = [_call(call) for call in message.get("tool_calls") or ()]
    rest = {
        name: value
        for name, value in message.items()
        if name not in ("role", "content", "tool_calls") and value
    }
    said = [message.get("role"), content or "", calls, rest]
    return hashlib.sha256(prefix + json.dumps(said, sort_keys=True).encode()).digest()


def _call(call: Mapping[str, Any]) -> Any:
    """Give what makes two tool calls the same, however their arguments are spaced."""
    function = call.get("function")
    if not isinstance(function, Mapping):
        return dict(call)
    arguments = function.get("arguments")
    with suppress(ValueError, RecursionError):
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return [call.get("id"), function.get("name"), arguments]
