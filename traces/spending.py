"""What the nodes and roles of some rollouts read and wrote, and how long it took, counted by the database.

A prompt that is sampled n times in one call counts once, and so do its seconds. What a person wrote is no token of a
model. Not covered: time that a node spent on anything but model calls.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from tutelage.traces.blobs import value_text
from tutelage.traces.run import Run

__all__ = ["Spent", "spent"]

SPENT = """WITH calls AS (
    SELECT s.node AS node, s.role AS role, max(t.prompt_tokens) AS prompt, sum(t.completion_tokens) AS completion,
        count(*) AS turns, max(t.seconds) AS seconds, min(t.seq) AS first,
        sum(s.author IS NULL AND (t.prompt_tokens IS NULL OR t.completion_tokens IS NULL)) AS unknown
    FROM {source} JOIN speakers s ON s.id = t.speaker GROUP BY t.rollout, t.call, s.node, s.role
)
SELECT node, role, sum(turns), count(*), coalesce(sum(prompt), 0), coalesce(sum(completion), 0), sum(seconds),
    sum(unknown) FROM calls GROUP BY node, role ORDER BY min(first)"""

OF_ROLLOUTS = """json_each(?) j CROSS JOIN rollouts r ON r.id = j.value
    CROSS JOIN turns t ON t.rollout = r.seq"""
OF_TURNS = "json_each(?) j CROSS JOIN turns t ON t.id = j.value"


class Spent(NamedTuple):
    """What one node asked one role."""

    node: str | None
    role: str
    turns: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    unknown: int
    """Turns of models without the number of their prompt's or completion's tokens; those are not in the sums."""


def spent(run: Run, rollout_ids: Iterable[str] = (), turn_ids: Iterable[str] | None = None) -> list[Spent]:
    """Count, in the order of each node's and role's first turn.

    Args:
        run: The run.
        rollout_ids: Rollouts, whatever became of them.
        turn_ids: These turns instead.
    """
    source, ids = (OF_ROLLOUTS, rollout_ids) if turn_ids is None else (OF_TURNS, turn_ids)
    rows = run._store.database.rows(SPENT.format(source=source), (json.dumps(sorted(set(ids))),))
    return [Spent(value_text(node), value_text(role) or "", *numbers) for node, role, *numbers in rows]
