"""The teacher: knows the reference, and hints at it or corrects a solution by it.

The reference is privileged context: the task's worked solution where there is one, else its answer. It is in
the teacher's turns and must not reach the student's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from tutelage.agents.chat_model import ChatModel
from tutelage.agents.roles.candidate import fingerprint
from tutelage.agents.roles.prompt import Prompt
from tutelage.agents.roles.role import Role, View, said, turn_id
from tutelage.agents.roles.solution import Solution, solutions_from, solved
from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["Hint", "Teacher"]

_FIELDS = frozenset({"problem", "solution", "reference"})


@dataclass(frozen=True, slots=True)
class Hint:
    """What a teacher says instead of the answer."""

    text: str
    turn_id: str | None
    """The recorded turn; `None` where nothing records."""


class Teacher(Role):
    """Reads `problem`, `solution` and `task`; writes `hint` and `round`, or a corrected `solution`.

    Args:
        model: the chat model that speaks.
        gives: what it does as a node: `"hint"`, or `"correction"` (then it writes what a refiner writes).
        prompt: the prompt of a hint.
        correction: the prompt of a correction.
        sampling: see `Role`.
        verifier: gives the answer to vote by; `None` for the last line that states an answer.
        name: see `Role`.
    """

    name = "teacher"
    offered: ClassVar[frozenset[str]] = _FIELDS
    required: ClassVar[frozenset[str]] = frozenset({"problem"})

    def __init__(
        self,
        model: ChatModel,
        *,
        gives: Literal["hint", "correction"] = "hint",
        prompt: Prompt | str | Path | None = None,
        correction: Prompt | str | Path = "teacher_correct",
        sampling: Sampling | None = None,
        verifier: Verifier | None = None,
        name: str | None = None,
    ) -> None:
        """See the class."""
        if gives not in ("hint", "correction"):
            raise UserError(f"gives={gives!r} of Teacher: say 'hint' or 'correction'")
        super().__init__(model, prompt=prompt or "teacher_hint", sampling=sampling, name=name)
        self.gives = gives
        self.correction = Prompt.load(correction).expect(_FIELDS, {"problem"})
        self.verifier = verifier

    def settings(self) -> dict[str, Any]:
        """See `Role.settings`."""
        return {**super().settings(), "gives": self.gives, "correction": self.correction.text}

    async def hint(self, problem: str, solution: str, reference: str, *, parents: Sequence[str] = ()) -> Hint:
        """Say something that helps and does not tell the answer.

        Args:
            problem: the problem.
            solution: the student's attempt.
            reference: the privileged context.
            parents: the turns that this builds on.
        """
        messages = await self.ask(parents, problem=problem, solution=solution, reference=reference)
        return Hint(said(messages[0]), turn_id(messages[0]))

    async def correct(
        self, problem: str, solution: str, reference: str, *, parents: Sequence[str] = ()
    ) -> Solution:
        """Correct a solution; the arguments are those of `hint`."""
        messages = await self.ask_with(
            self.correction, parents, problem=problem, solution=solution, reference=reference
        )
        return (await solutions_from(messages, self.verifier))[0]

    async def act(self, state: View) -> dict[str, Any]:
        """See `Role.act`."""
        seen = (state.text("problem"), state.text("solution"), _reference(state))
        turns, round = state.turns("solution"), state.get("round", 0) + 1
        if self.gives == "correction":
            after = await self.correct(*seen, parents=turns)
            return solved(state, after, [after.candidate(parents=state.current(), round=round)], round)
        hint = await self.hint(*seen, parents=turns)
        return {
            "hint": hint.text,
            "round": round,
            "lineage": {fingerprint(hint.text): hint.turn_id} if hint.turn_id else {},
        }


def _reference(state: View) -> str:
    task = state.get("task", {})
    reference = task.get("solution") or task.get("reference")
    if not reference:
        raise UserError(
            f"the task {task.get('id', '')!r} has neither a solution nor a reference, "
            f"one of which the role {state.reader!r} must see"
        )
    return str(reference)
