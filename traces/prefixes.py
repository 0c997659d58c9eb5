"""Paths through the tables `messages` and `sequences`: a node stands for all that leads to it.

What many nodes share is read once a page and built once. Not covered: writing them (`tutelage.traces.writing`).
"""

import json
from collections.abc import Iterable
from sqlite3 import Connection
from typing import Any

from tutelage.traces.arrays import WIDTH, unpack_ids
from tutelage.traces.blobs import bytes_text, content_of, value_text
from tutelage.traces.record import Message

__all__ = ["Conversations", "Sequences"]

Node = tuple[Any, ...]


def nodes(connection: Connection, table: str, columns: str, leaves: Iterable[int]) -> dict[int, Node]:
    """Read nodes and all that lead to them, by number; the first column is the parent."""
    wanted = json.dumps(sorted(set(leaves)))
    sql = f"""WITH RECURSIVE path(id) AS (SELECT value FROM json_each(?) UNION
        SELECT n.parent FROM {table} n JOIN path p ON n.id = p.id WHERE n.parent IS NOT NULL)
        SELECT n.id, n.parent, {columns} FROM {table} n JOIN path p ON n.id = p.id"""
    found = {row[0]: row[1:] for row in connection.execute(sql, (wanted,))}
    if any(node[0] is not None and node[0] >= number for number, node in found.items()):
        raise ValueError(f"a path of {table} that leads back")
    return found


class Conversations:
    """Prompts by their last message."""

    def __init__(self, connection: Connection, leaves: Iterable[int]) -> None:
        """Read the paths; `bodies` says which contents they need."""
        self._nodes = nodes(connection, "messages", "role, body", leaves)
        self._known: dict[int, tuple[Message, ...]] = {}

    @property
    def bodies(self) -> list[int]:
        """The numbers of the bodies of all messages."""
        return [node[2] for node in self._nodes.values()]

    def at(self, leaf: int | None, bodies: dict[int, bytes]) -> tuple[Message, ...]:
        """Give the prompt that ends with a message; an empty one for `None`."""
        missing: list[int] = []
        while leaf is not None and leaf not in self._known:
            missing.append(leaf)
            leaf = self._nodes[leaf][0]
        path = () if leaf is None else self._known[leaf]
        for number in reversed(missing):
            _, role, body = self._nodes[number]
            path = self._known[number] = (*path, _message(role, bodies[body]))
        return path


class Sequences:
    """Token ids by the last piece of a sequence."""

    def __init__(self, connection: Connection, leaves: Iterable[int]) -> None:
        """Read the paths."""
        self._nodes = nodes(connection, "sequences", "kept, ids, logprobs", leaves)
        self._known: dict[int, bytes] = {}

    def whole(self, leaf: int) -> bytes:
        """Give all ids up to the end of a piece, as int32."""
        missing: list[int] = []
        at: int | None = leaf
        while at is not None and at not in self._known:
            missing.append(at)
            at = self._nodes[at][0]
        ids = b"" if at is None else self._known[at]
        for number in reversed(missing):
            ids = self._known[number] = ids[: self._nodes[number][1] * WIDTH] + (self.own(number) or b"")
        return ids

    def own(self, number: int) -> bytes | None:
        """Give a piece's own ids, as int32; `None` where they are not known."""
        data = self._nodes[number][2]
        return None if data is None else unpack_ids(data)

    def logprobs(self, number: int) -> bytes | None:
        """Give the log-probabilities of a piece's own ids, as float32."""
        found: bytes | None = self._nodes[number][3]
        return found


def _message(role: str | bytes | None, body: bytes) -> Message:
    if role is None:
        message: Message = content_of(body)
        return message
    return {"role": value_text(role), "content": bytes_text(body)}
