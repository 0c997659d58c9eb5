"""A rollout read back as the model calls that were recorded: `RecordedCall` for `RecordedCall`.

Cheaper than turns where only calls matter (replay): what the samples of a call share is built once, speakers
are built once a run, and what was checked when it was written is not checked again. Samples of one call that
differ in more than their completions (turns recorded one by one) have all else of the first.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from sqlite3 import Connection
from typing import Any

from pydantic import JsonValue

from tutelage.traces.arrays import ids_of, logprobs_of
from tutelage.traces.blobs import bytes_text, content_of, fetch, unpack, value_text
from tutelage.traces.calls import RecordedCall, Sample
from tutelage.traces.database import Database
from tutelage.traces.prefixes import Conversations, Sequences
from tutelage.types import Sampling

__all__ = ["CallReader"]

Row = tuple[Any, ...]

TURNS = """SELECT t.call, t.id, t.speaker, t.parents, t.samples, t.prompt, t.completion, t.tool_calls,
    t.finish_reason, t.read, t.written, t.started, t.seconds, t.error, t.metadata
    FROM rollouts r JOIN turns t ON t.rollout = r.seq
    WHERE r.id = ? ORDER BY t.call, t.sample"""
SPEAKERS = """SELECT s.id, s.role, s.node, s.model, s.policy, s.author, b.data, o.data FROM speakers s
    JOIN bodies b ON b.id = s.sampling LEFT JOIN bodies o ON o.id = s.tools
    WHERE s.id IN (SELECT value FROM json_each(?))"""


class CallReader:
    """Reads one run; remembers its speakers."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._speakers: dict[int, Mapping[str, Any]] = {}

    def read(self, database: Database, rollout_id: str) -> list[RecordedCall]:
        """Read one rollout's calls in the order of their numbers.

        Args:
            database: The run; always the same one, though it may have been closed and opened again.
            rollout_id: The rollout.

        Raises:
            StoreError: The file cannot be read.
        """
        with database.reading() as connection:
            rows = connection.execute(TURNS, (rollout_id,)).fetchall()
            page = _Page(connection, rows)
            self._meet(connection, {row[2] for row in rows} - self._speakers.keys())
        calls = (list(samples) for _, samples in groupby(rows, key=lambda row: row[0]))
        return [page.call(samples, self._speakers[samples[0][2]]) for samples in calls]

    def _meet(self, connection: Connection, numbers: set[int]) -> None:
        if not numbers:
            return
        for row in connection.execute(SPEAKERS, (json.dumps(sorted(numbers)),)):
            tools = {} if row[7] is None else content_of(unpack(row[7]))
            self._speakers[row[0]] = {
                "role": value_text(row[1]),
                "node": value_text(row[2]),
                "model": value_text(row[3]),
                "policy": value_text(row[4]),
                "author": value_text(row[5]),
                "sampling": Sampling.model_validate(content_of(unpack(row[6]))),
                **tools,
            }


class _Page:
    """What the turns of some rollouts point at."""

    def __init__(self, connection: Connection, rows: Sequence[Row]) -> None:
        self._prompts = Conversations(connection, (row[5] for row in rows if row[5] is not None))
        self._sequences = Sequences(connection, (n for row in rows for n in row[9:11] if n is not None))
        own = (n for row in rows for n in row[6:8] if n is not None)
        self._bodies = fetch(connection, [*own, *self._prompts.bodies])

    def call(self, rows: Sequence[Row], speaker: Mapping[str, Any]) -> RecordedCall:
        """Put the samples of one call together."""
        first = rows[0]
        return RecordedCall(
            number=first[0],
            parents=() if first[3] is None else json.loads(value_text(first[3]) or "[]"),
            samples=max(len(rows), *(row[4] for row in rows)),
            messages=self._prompts.at(first[5], self._bodies),
            prompt_token_ids=None if first[9] is None else ids_of(self._sequences.whole(first[9])),
            started=first[11],
            seconds=first[12],
            error=value_text(first[13]),
            completions=[self._sample(row) for row in rows],
            **speaker,
        )

    def _sample(self, row: Row) -> Sample:
        ids = logprobs = None
        if row[10] is not None:
            ids, logprobs = self._sequences.own(row[10]), self._sequences.logprobs(row[10])
        tool_calls: Sequence[Mapping[str, JsonValue]] = ()
        if row[7] is not None:
            tool_calls = content_of(self._bodies[row[7]])
        return Sample(
            completion=bytes_text(self._bodies[row[6]]),
            finish_reason=value_text(row[8]),
            token_ids=None if ids is None else ids_of(ids),
            logprobs=None if logprobs is None else logprobs_of(logprobs),
            tool_calls=tuple(tool_calls),
            metadata={} if row[14] is None else json.loads(value_text(row[14]) or "{}"),
            id=row[1],
        )
