"""The vote over candidates: one node that chooses the solution a rollout answers with.

Plain majority, ties to the answer seen first; or weighted by the candidates' scores. A candidate without an
answer never wins against one with an answer; among candidates with the winning answer the first, or the best
scored, is the solution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.agents.roles import CandidateState, vote
from tutelage.graphs.scorer import Scorer, combined, scored
from tutelage.graphs.state import LoopState, task_in

__all__ = ["Vote", "elect"]


def elect(candidates: Sequence[CandidateState], *, weighted: bool = False) -> CandidateState:
    """Choose a candidate by the answer that most speak for.

    Args:
        candidates: at least one.
        weighted: every candidate votes with its score (see `combined`), not with 1.
    """
    weights = [combined(each) for each in candidates] if weighted else [1.0] * len(candidates)
    answer = vote([each["answer"] for each in candidates], weights)
    electable = [index for index, each in enumerate(candidates) if each["answer"] == answer]
    return candidates[max(electable, key=weights.__getitem__)]


@dataclass(frozen=True, slots=True)
class Vote:
    """The node of a vote over all candidates; with a scorer every voice weighs what it gives."""

    scorer: Scorer | None = None

    async def __call__(self, state: LoopState) -> dict[str, Any]:
        """Write `solution` and `answer`, and where there is a scorer the `candidates` with their scores."""
        candidates = state["candidates"]
        if self.scorer is None:
            return _written(elect(candidates))
        candidates = await scored(self.scorer, task_in(state), candidates)
        return {"candidates": candidates, **_written(elect(candidates, weighted=True))}


def _written(chosen: CandidateState) -> dict[str, Any]:
    return {"solution": chosen["text"], "answer": chosen["answer"]}
