"""The refiner: rewrites a solution so that it meets a review."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tutelage.agents.chat_model import ChatModel
from tutelage.agents.roles.prompt import Prompt
from tutelage.agents.roles.role import Role, View
from tutelage.agents.roles.solution import Solution, solutions_from, solved
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["Refiner"]


class Refiner(Role):
    """Reads `problem`, `solution` and `review`; writes `solution`, `answer`, `candidates`, `round`.

    Args:
        model: the chat model that speaks.
        prompt: see `Role`.
        sampling: see `Role`.
        verifier: gives the answer to vote by; `None` for the last line that states an answer.
        name: see `Role`.
    """

    name = "refiner"
    offered: ClassVar[frozenset[str]] = frozenset({"problem", "solution", "review"})
    required: ClassVar[frozenset[str]] = frozenset({"solution"})

    def __init__(
        self,
        model: ChatModel,
        *,
        prompt: Prompt | str | Path | None = None,
        sampling: Sampling | None = None,
        verifier: Verifier | None = None,
        name: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(model, prompt=prompt, sampling=sampling, name=name)
        self.verifier = verifier

    async def refine(
        self, problem: str, solution: str, review: str, *, parents: Sequence[str] = ()
    ) -> Solution:
        """Rewrite a solution.

        Args:
            problem: its problem.
            solution: the text to rewrite, annotated with step scores or not.
            review: what is wrong with it.
            parents: the turns that this builds on.
        """
        messages = await self.ask(parents, problem=problem, solution=solution, review=review)
        return (await solutions_from(messages, self.verifier))[0]

    async def act(self, state: View) -> dict[str, Any]:
        """See `Role.act`."""
        turns = state.turns("solution", "review")
        problem, before, review = state.text("problem"), state.text("solution"), state.text("review")
        after = await self.refine(problem, before, review, parents=turns)
        round = state.get("round", 0) + 1
        return solved(state, after, [after.candidate(parents=state.current(), round=round)], round)
