"""The judge: says "yes" or "no" to a solution; the probability of "yes" is the score.

With log-probabilities the score is the probability of the first token behind a "yes", or one minus that of a
"no"; without them it is 1 or 0. An answer that is neither scores 0.5 and is reported as "none".
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from langchain_core.messages import AIMessage

from tutelage.agents.roles.reviewer import Verdict
from tutelage.agents.roles.role import Role, View, said, turn_id

__all__ = ["Judge", "Judgement"]

_WORD = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of a solution."""

    value: float
    """How likely the solution is right, 0 to 1."""
    said: Literal["yes", "no", "none"]
    """`"none"` where the text is neither yes nor no."""
    text: str
    """The whole answer."""
    turn_id: str | None
    """The recorded turn; `None` where nothing records."""

    @property
    def verdict(self) -> Verdict:
        """The judgement as a verdict: `"right"` from 0.5 on."""
        if self.said == "none":
            return "none"
        return "right" if self.value >= 0.5 else "wrong"


class Judge(Role):
    """Reads `problem` and `solution`; writes `judgement` (0 to 1) and `verdict`.

    With `retries` an answer that is neither yes nor no is asked for again.
    """

    name = "judge"
    offered: ClassVar[frozenset[str]] = frozenset({"problem", "solution"})
    required: ClassVar[frozenset[str]] = frozenset({"solution"})

    async def judge(self, problem: str, solution: str, *, parents: Sequence[str] = ()) -> Judgement:
        """Judge a solution.

        Args:
            problem: its problem.
            solution: the text to judge.
            parents: the turns that this builds on.
        """
        return (await self.judgements(problem, solution, 1, parents=parents))[0]

    async def judgements(
        self, problem: str, solution: str, n: int, *, parents: Sequence[str] = ()
    ) -> list[Judgement]:
        """Judge a solution n times in one engine request."""
        return await self.ask_until(_parse, parents, n, problem=problem, solution=solution)

    async def act(self, state: View) -> dict[str, Any]:
        """See `Role.act`."""
        turns = state.turns("solution")
        judgement = await self.judge(state.text("problem"), state.text("solution"), parents=turns)
        return {"judgement": judgement.value, "verdict": judgement.verdict, "step": None}


def _parse(message: AIMessage) -> tuple[Judgement, bool]:
    text, turn = said(message), turn_id(message)
    word = _WORD.match(text)
    if word is None:
        return Judgement(0.5, "none", text, turn), False
    probability = _first_probability(message)
    if word[1].lower() == "yes":
        return Judgement(probability, "yes", text, turn), True
    return Judgement(1.0 - probability, "no", text, turn), True


def _first_probability(message: AIMessage) -> float:
    """The probability of the first token; 1 where it is not known."""
    logprobs = message.response_metadata.get("logprobs")
    return math.exp(min(float(logprobs[0]), 0.0)) if logprobs else 1.0
