"""Two rollouts side by side: what differs in their ends, their texts turn by turn, and their scores.

Works out nothing itself (`tutelage.graphs.debugging.differences` does), but for what a page can hold: long differences
are cut. Not covered: more than two at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tutelage.graphs.debugging.differences import Piece, ScorePair, compare_rollouts
from tutelage.graphs.studio.turns import head_row
from tutelage.traces import Run
from tutelage.traces.turn_heads import TurnHead, heads

__all__ = ["compared"]

LONGEST = 60_000
"""Characters of the differences of one turn."""
OF_ROW = (
    "status",
    "answer",
    "passed",
    "value",
    "turns",
    "rounds",
    "prompt_tokens",
    "completion_tokens",
    "error",
)


def compared(run: Run, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two rollouts, given by their rows of the table.

    Raises:
        UserError: One is not in the run.
    """
    found = compare_rollouts(run, a["id"], b["id"])
    of_row = [{"field": name, "before": a[name], "after": b[name]} for name in OF_ROW if a[name] != b[name]]
    of_state = [change.model_dump() for change in found.fields]
    rows = {head.id: head_row(head) for head in _heads(run, found.turns, (a["id"], b["id"]))}
    return {
        "a": dict(a),
        "b": dict(b),
        "fields": [*of_row, *of_state],
        "turns": [
            {
                "a": rows.get(pair.a or ""),
                "b": rows.get(pair.b or ""),
                "same": pair.same,
                "diff": _cut(pair.completion) or _same(rows.get(pair.a or "")),
                "prompt_diff": _cut(pair.prompt),
            }
            for pair in found.turns
        ],
        "scores": [_scores(pair) for pair in found.scores],
    }


def _heads(run: Run, pairs: Iterable[Any], rollouts: Sequence[str]) -> Iterable[TurnHead]:
    """The heads of all turns of a comparison, those that branches share with earlier ones included."""
    wanted = {id for pair in pairs for id in (pair.a, pair.b) if id is not None}
    for rollout in dict.fromkeys([*rollouts]):
        for head in heads(run, rollout):
            wanted.discard(head.id)
            yield head
    for rollout in dict.fromkeys(run.turn(id).rollout_id for id in sorted(wanted)):
        yield from heads(run, rollout)


def _same(row: Mapping[str, Any] | None) -> list[list[str]]:
    """What both say, as far as a list shows it."""
    if row is None or not row["preview"]:
        return []
    return [["=", row["preview"] if row["size"] == len(row["preview"]) else f"{row['preview']}…"]]


def _cut(pieces: Sequence[Piece]) -> list[list[str]]:
    """Pieces as far as a page holds them; of long shared texts the two ends."""
    left, found = LONGEST, []
    for sign, text in pieces:
        if left <= 0:
            found.append(["=", "\n…"])
            break
        shown = text if sign != "=" or len(text) <= LONGEST // 10 else f"{text[:1000]}\n…\n{text[-1000:]}"
        found.append([sign, shown[:left]])
        left -= len(shown)
    return found


def _scores(pair: ScorePair) -> dict[str, Any]:
    return {
        "name": pair.name,
        "a": None if pair.a is None else pair.a.value,
        "b": None if pair.b is None else pair.b.value,
        "a_passed": None if pair.a is None else pair.a.passed,
        "b_passed": None if pair.b is None else pair.b.passed,
    }
