"""Whether an export of a run gives a turn twice, or one that does not count.

Everything is asked for, duplicates too, so that nothing is hidden by a filter. Rows name their turn; where a row
trains on the tokens of several turns, the tokens are counted: never more than were sampled. A format may refuse a run
that says too little as yet (no scores); then it has given nothing twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.errors import StoreError, UserError
from tutelage.traces import Run

__all__ = ["FORMATS", "exported", "exported_twice", "turns_of"]

EVERYTHING: Mapping[str, Any] = {"passed": None, "deduplicate": False}
FORMATS: Mapping[str, Mapping[str, Any]] = {
    "sft": EVERYTHING,
    "grpo": {**EVERYTHING, "form": "groups"},
    "chat": {**EVERYTHING, "lineage": "metadata"},
}
"""The formats that are read, with their options."""


def exported_twice(run: Run, formats: Sequence[str]) -> list[str]:
    """What is exported twice, or without counting; a line each."""
    done = {each.id for each in run.rollouts("done")}
    counted = {turn.id: turn for turn in run.turns() if turn.rollout_id in done}
    sampled = sum(len(turn.completion_token_ids or ()) for turn in counted.values())
    lines = []
    for name in formats:
        rows = exported(run, name)
        turns = Counter(turn for row in rows for turn in turns_of(row))
        lines += [f"{name}: turn {key} {times} times" for key, times in turns.items() if times > 1]
        lines += [f"{name}: turn {key} does not count" for key in turns.keys() - counted.keys()]
        trained = sum(sum(row["completion_mask"]) for row in rows if "completion_mask" in row)
        if trained > sampled:
            lines.append(f"{name}: trains on {trained} tokens, {sampled} were sampled")
    return lines


def exported(run: Run, name: str) -> list[Mapping[str, Any]]:
    """The rows of a format; none where it refuses the run."""
    try:
        return list(run.export(name, **FORMATS[name]))
    except StoreError:
        raise
    except UserError:
        return []


def turns_of(row: Mapping[str, Any]) -> list[str]:
    """The turns that a row says it trains on."""
    if "turn_id" in row:
        return [row["turn_id"]]
    turns: list[str] = row["document"]["metadata"]["turn_ids"]
    return turns
