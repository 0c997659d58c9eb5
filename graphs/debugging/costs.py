"""What each node and role cost: turns, calls, tokens and time, and its share of the whole.

A prompt of n samples counts once. Unknown counts are kept apart, never taken for zero. Not covered: money, and time
that nodes spend on anything but model calls.
"""

from collections.abc import Iterable

from tutelage.traces import Run
from tutelage.traces.spending import Spent, spent
from tutelage.types import Data

__all__ = ["Cost", "costs", "total"]


class Cost(Data):
    """What one node asked one role, or all of them together."""

    node: str | None
    """`None` for calls outside a node, and in the total."""
    role: str | None
    """`None` in the total."""
    turns: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Of its model calls together, whether or not they ran at the same time."""
    share: float | None
    """Its tokens, of those of all, from 0 to 1; `None` where no tokens are known."""
    time_share: float | None
    """Its seconds, of those of all; `None` where none passed."""
    unknown: int = 0
    """Turns of models whose tokens were not counted; the sums and the share are without them."""


def costs(run: Run, rollout_ids: Iterable[str] = (), turn_ids: Iterable[str] | None = None) -> list[Cost]:
    """Give the costs by node and role, in the order in which each first spoke.

    Args:
        run: The run.
        rollout_ids: The rollouts to count.
        turn_ids: These turns instead, such as those along the path of a branch.
    """
    rows = spent(run, rollout_ids, turn_ids)
    tokens = sum(row.prompt_tokens + row.completion_tokens for row in rows)
    seconds = sum(row.seconds for row in rows)
    return [_cost(row, tokens, seconds) for row in rows]


def total(found: Iterable[Cost]) -> Cost:
    """Add costs up."""
    rows = list(found)
    tokens = sum(row.prompt_tokens + row.completion_tokens for row in rows)
    seconds = sum(row.seconds for row in rows)
    return Cost(
        node=None,
        role=None,
        turns=sum(row.turns for row in rows),
        calls=sum(row.calls for row in rows),
        prompt_tokens=sum(row.prompt_tokens for row in rows),
        completion_tokens=sum(row.completion_tokens for row in rows),
        seconds=seconds,
        share=1.0 if tokens else None,
        time_share=1.0 if seconds else None,
        unknown=sum(row.unknown for row in rows),
    )


def _cost(row: Spent, tokens: int, seconds: float) -> Cost:
    return Cost(
        **row._asdict(),
        share=(row.prompt_tokens + row.completion_tokens) / tokens if tokens else None,
        time_share=row.seconds / seconds if seconds else None,
    )
