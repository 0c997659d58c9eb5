"""The solver: solves a problem, n times in one engine request, with a hint where the state holds one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import JsonValue

from tutelage.agents.chat_model import ChatModel
from tutelage.agents.roles.prompt import Prompt
from tutelage.agents.roles.role import Role, View
from tutelage.agents.roles.solution import Solution, solutions_from, solved
from tutelage.agents.roles.voting import vote
from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["Solver"]


class Solver(Role):
    """Reads `problem` (and `hint`); writes `solution`, `answer`, `candidates`, `round`.

    With several samples the solution is the first one that carries the most frequent answer; all of them are
    candidates.

    Args:
        model: the chat model that speaks.
        samples: how many solutions.
        prompt: see `Role`.
        hinted: the prompt for a problem with a hint.
        sampling: see `Role`.
        verifier: gives the answer to vote by; `None` for the last line that states an answer.
        name: see `Role`.
    """

    name = "solver"
    offered: ClassVar[frozenset[str]] = frozenset({"problem"})
    required: ClassVar[frozenset[str]] = frozenset({"problem"})

    def __init__(
        self,
        model: ChatModel,
        *,
        samples: int = 1,
        prompt: Prompt | str | Path | None = None,
        hinted: Prompt | str | Path = "solver_hinted",
        sampling: Sampling | None = None,
        verifier: Verifier | None = None,
        name: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(model, prompt=prompt, sampling=sampling, name=name)
        if samples < 1:
            raise UserError(f"samples={samples!r} of Solver: give 1 or more")
        self.samples = samples
        self.hinted = Prompt.load(hinted).expect({"problem", "hint"}, {"problem", "hint"})
        self.verifier = verifier

    def settings(self) -> dict[str, JsonValue]:
        """See `Role.settings`."""
        return {**super().settings(), "samples": self.samples, "hinted": self.hinted.text}

    async def solve(
        self, problem: str, n: int | None = None, *, hint: str | None = None, parents: Sequence[str] = ()
    ) -> list[Solution]:
        """Solve a problem.

        Args:
            problem: its text.
            n: how many solutions; `None` for `samples`.
            hint: what a teacher said before; `None` for none.
            parents: the turns that this builds on.
        """
        n = self.samples if n is None else n
        if hint is None:
            messages = await self.ask(parents, n=n, problem=problem)
        else:
            messages = await self.ask_with(self.hinted, parents, n=n, problem=problem, hint=hint)
        return await solutions_from(messages, self.verifier)

    async def act(self, state: View) -> dict[str, Any]:
        """See `Role.act`."""
        hint = state.get("hint") or None
        turns = state.turns("hint") if hint else ()
        solutions = await self.solve(state.text("problem"), hint=hint, parents=turns)
        answer = vote([each.answer for each in solutions])
        chosen = next(each for each in solutions if each.answer == answer)
        round = state.get("round", 0)
        parents = state.current() if hint else []
        made = [each.candidate(parents=parents, round=round) for each in solutions]
        return solved(state, chosen, made, round)
