"""Records to rows: how calls, candidates, scores, tasks and rollouts are written.

`Rows` collects the rows of one transaction and writes them table by table. It numbers them itself, which the
only writer of a run may do, and remembers what it has written lately, so that a content, a message or a
speaker that comes again costs a look-up. Not covered: the way back (`tutelage.traces.reading`) and when a
transaction begins and ends (`tutelage.traces.journal`).
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from sqlite3 import Connection
from typing import Any

from tutelage.errors import UserError
from tutelage.traces.arrays import WIDTH, pack_ids, pack_steps
from tutelage.traces.blobs import digest, json_bytes, pack, text_bytes, text_value, unpack
from tutelage.traces.earlier import Earlier
from tutelage.traces.record import Candidate, Message, ScoreRow
from tutelage.types import Sampling, Task

__all__ = ["Node", "Rows", "names"]

Row = tuple[Any, ...]
Node = tuple[int | None, str | None, int]
"""A message in its place: the number of the one before, its role (`None`: see the schema), its body."""

INSERTS: Mapping[str, int] = {
    "bodies": 3,
    "messages": 4,
    "sequences": 5,
    "speakers": 8,
    "turns": 20,
    "candidates": 8,
    "scores": 10,
}
"""The tables in the order in which they are written, with their number of columns."""
NUMBERED = ("bodies", "messages", "sequences", "speakers", "turns", "candidates", "scores")
TASK = "SELECT k.seq, b.data FROM tasks k JOIN bodies b ON b.id = k.body WHERE k.id = ?"
SPEAKER = """SELECT id FROM speakers WHERE role IS ? AND node IS ? AND model IS ? AND policy IS ?
    AND sampling = ? AND tools IS ? AND author IS ?"""
REMEMBERED = 20_000
"""Entries of one kind at which all of that kind are forgotten."""
AT_ONCE = 10_000
"""Rows of a table that may wait."""
SHORT = 256
"""Bytes from which on a content has a digest; a shorter one, cheaper than its digest, is only remembered."""
LONGEST = 1 << 10
"""Bytes of what is remembered by itself; what is longer is remembered by its digest."""
CHAT = (None, "user", "assistant", "system")
"""Roles that SQLite can hold without a look."""


class Rows:
    """The rows of a transaction; lives as long as its connection, until a transaction of it fails."""

    def __init__(self, connection: Connection) -> None:
        """Number rows after those that the file has."""
        self.connection = connection
        self._rows: dict[str, list[Row]] = {table: [] for table in INSERTS}
        self._last = {table: self._highest(table) for table in NUMBERED}
        self._texts: dict[str, int] = {}
        self._bodies: dict[bytes, int] = {}
        self._messages: dict[Node, int] = {}
        self._prompts: dict[bytes, int] = {}
        self._speakers: dict[Row, int] = {}
        self._latest: dict[Row, tuple[Sampling, object, int]] = {}
        self._after: list[tuple[Callable[..., None], Row]] = []
        self.ended: dict[int, str] = {}
        """Rollouts that end in this transaction, by row number, and how."""
        self.recalled: tuple[tuple[str, ...], Any] | None = None
        """The turns that a rollout followed last, and what is remembered of them (`tutelage.traces.resuming`)."""

    def flush(self) -> None:
        """Write what was added, and forget what has become too much to remember."""
        for table, columns in INSERTS.items():
            rows = self._rows[table]
            if rows:
                marks = ",".join("?" * columns)
                self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
                rows.clear()
        for known in (self._texts, self._bodies, self._messages, self._prompts, self._speakers):
            if len(known) > REMEMBERED:
                known.clear()
                self.recalled = None

    def then(self, action: Callable[..., None], *arguments: Any) -> None:
        """Do something once the transaction is committed."""
        self._after.append((action, arguments))

    def committed(self) -> None:
        """Hear that it is."""
        self.ended.clear()
        actions, self._after = self._after, []
        for action, arguments in actions:
            action(*arguments)

    def text(self, text: str) -> int:
        """Keep a text; give its body's number."""
        known = self._texts.get(text)
        if known is None:
            raw = text_bytes(text)
            known = self.body(raw) if len(raw) >= SHORT else self._add("bodies", None, b"\0" + raw)
            if len(raw) <= LONGEST:
                self._texts[text] = known
        return known

    def body(self, raw: bytes) -> int:
        """Keep a content unless it is kept already; give its number."""
        name = raw if len(raw) < SHORT else digest(raw)
        known = self._bodies.get(name)
        if known is None:
            known = self._bodies[name] = self._kept(name, raw)
        return known

    def _kept(self, name: bytes, raw: bytes) -> int:
        if name is raw:
            return self._add("bodies", None, pack(raw))
        row = self.connection.execute("SELECT id FROM bodies WHERE digest = ?", (name,)).fetchone()
        return int(row[0]) if row else self._add("bodies", name, pack(raw))

    def recall_text(self, text: str, number: int) -> int:
        """Remember a text that the file has; give the number by which it is known, which may be another."""
        raw = text_bytes(text)
        known = number if len(raw) < SHORT else self.recall_body(raw, number)
        return self._texts.setdefault(text, known) if len(raw) <= LONGEST else known

    def recall_body(self, raw: bytes, number: int) -> int:
        """The same of a content."""
        return self._bodies.setdefault(raw if len(raw) < SHORT else digest(raw), number)

    def recall_message(self, node: Node, number: int) -> int:
        """The same of a message in its place."""
        return self._messages.setdefault(node, number)

    def json(self, value: object, what: str) -> int:
        """Keep plain data; give its body's number.

        Raises:
            UserError: It is not plain data.
        """
        return self.body(json_bytes(value, what))

    def prompt(self, messages: Sequence[Message]) -> tuple[int | None, list[Node]]:
        """Keep a prompt as a path of messages; give its last one's number, and the path."""
        parent: int | None = None
        path: list[Node] = []
        for message in messages:
            role, content = message.get("role"), message.get("content")
            key: Node
            if len(message) == 2 and isinstance(role, str) and isinstance(content, str):
                key = (parent, role, self.text(content))
            else:
                key = (parent, None, self.json(message, "a turn's message"))
            known = self._messages.get(key)
            if known is None:
                own = key[1] if key[1] in CHAT else text_value(key[1])
                known = self._messages[key] = self._add("messages", parent, own, key[2])
            path.append(key)
            parent = known
        return parent, path

    def read(self, ids: bytes, earlier: Earlier, parents: Sequence[str]) -> int:
        """Keep a prompt's token ids (int32) after the longest beginning that an earlier sequence has."""
        name = ids if len(ids) <= LONGEST else digest(ids)
        known = self._prompts.get(name)
        if known is None:
            parent, kept = earlier.longest(ids, parents)
            known = self._add("sequences", parent, kept // WIDTH, pack_ids(ids[kept:]), None)
            self._prompts[name] = known
        return known

    def written(self, ids: bytes | None, logprobs: bytes | None, read: int | None, length: int) -> int | None:
        """Keep a completion's token ids after its prompt's, given by number and length in tokens."""
        if ids is None and logprobs is None:
            return None
        kept = length if read is not None else 0
        return self._add("sequences", read, kept, None if ids is None else pack_ids(ids), logprobs)

    def speaker(self, fields: Row, sampling: Sampling, tools: object) -> int:
        """Keep who speaks (role, node, model, policy, author) under which sampling with which tools."""
        latest = self._latest.get(fields)
        if latest is not None and latest[0] is sampling and latest[1] == tools:
            return latest[2]
        number = self._speaker(fields, sampling, tools)
        if len(self._latest) > REMEMBERED:
            self._latest.clear()
        self._latest[fields] = sampling, tools, number
        return number

    def _speaker(self, fields: Row, sampling: Sampling, tools: object) -> int:
        settings = self.json(sampling.model_dump(), "a turn's sampling")
        offered = self.json(tools, "a turn's tools") if tools else None
        *said, author = (text_value(field) for field in fields)
        row = (*said, settings, offered, author)
        known = self._speakers.get(row)
        if known is None:
            found = self.connection.execute(SPEAKER, row).fetchone()
            known = self._speakers[row] = int(found[0]) if found else self._add("speakers", *row)
        return known

    def turn(self, *columns: Any) -> None:
        """Append a turn, its columns from `id` on."""
        self._add("turns", *columns)

    def candidate(self, rollout: int, candidate: Candidate) -> None:
        """Append a candidate to a rollout, given by its row number."""
        self._add(
            "candidates",
            candidate.id,
            rollout,
            self.text(candidate.text),
            text_value(candidate.answer),
            names(candidate.parents),
            text_value(candidate.turn_id),
            candidate.round,
        )

    def score(self, rollout: int, row: ScoreRow) -> None:
        """Append a score to a rollout, given by its row number."""
        score = row.score
        self._add(
            "scores",
            rollout,
            row.subject,
            text_value(row.subject_id),
            text_value(score.name),
            None if math.isnan(score.value) else score.value,
            score.passed,
            None if score.steps is None else pack_steps(score.steps),
            text_value(score.feedback),
            row.given,
        )

    def task(self, task: Task) -> int:
        """Keep a task; give its row number.

        Raises:
            UserError: Its id is taken by another task.
        """
        content = json_bytes(task.model_dump(), f"task {task.id!r}")
        name = text_value(task.id)
        row = self.connection.execute(TASK, (name,)).fetchone()
        if row is None:
            number = self.body(content)
            self.flush()
            sql = "INSERT INTO tasks (id, body) VALUES (?, ?) RETURNING seq"
            return int(self.connection.execute(sql, (name, number)).fetchone()[0])
        if unpack(row[1]) != content:
            raise UserError(f"task {task.id!r} is recorded here with other contents; rename it")
        return int(row[0])

    def _add(self, table: str, *columns: Any) -> int:
        rows = self._rows[table]
        if len(rows) >= AT_ONCE:
            self.flush()
        number = self._last[table] = self._last[table] + 1
        rows.append((number, *columns))
        return number

    def _highest(self, table: str) -> int:
        key = "seq" if table in ("turns", "candidates", "scores") else "id"
        (number,) = self.connection.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()
        return int(number)


def names(found: Sequence[str]) -> str | bytes | None:
    """Ids as JSON; `None` for none."""
    return text_value(json.dumps(list(found), ensure_ascii=False)) if found else None
