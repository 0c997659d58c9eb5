"""A solution as a role says it, and how a role puts it into a state."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage

from tutelage.agents.roles.candidate import CandidateState, candidate, fingerprint
from tutelage.agents.roles.role import View, said, turn_id
from tutelage.tools import Verifier, final_answer

__all__ = ["Solution", "solutions_from", "solved"]


@dataclass(frozen=True, slots=True)
class Solution:
    """One solution."""

    text: str
    """What the model said."""
    answer: str | None
    """The key to vote by; `None` where the text gives no answer."""
    turn_id: str | None
    """The recorded turn; `None` where nothing records."""

    def candidate(self, *, parents: Sequence[str] = (), round: int = 0) -> CandidateState:
        """The solution as a state holds it."""
        return candidate(self.text, self.answer, parents=parents, round=round, turn_id=self.turn_id)


async def solutions_from(messages: Sequence[AIMessage], verifier: Verifier | None) -> list[Solution]:
    """Read solutions; without a verifier the last line that states an answer gives the key.

    A verifier may take its time and runs in a thread.
    """
    texts = [said(message) for message in messages]
    if verifier is None:
        answers = [final_answer(text) for text in texts]
    else:
        answers = await asyncio.to_thread(lambda: [verifier.answer(text) for text in texts])
    turns = [turn_id(message) for message in messages]
    return [Solution(*parts) for parts in zip(texts, answers, turns, strict=True)]


def solved(state: View, chosen: Solution, made: Sequence[CandidateState], round: int) -> dict[str, Any]:
    """The fields that change when there is a new solution; an earlier verdict does not hold for it."""
    return {
        "solution": chosen.text,
        "answer": chosen.answer,
        "candidates": [*state.get("candidates", []), *made],
        "verdict": None,
        "step": None,
        "round": round,
        "lineage": {fingerprint(chosen.text): chosen.turn_id} if chosen.turn_id else {},
    }
