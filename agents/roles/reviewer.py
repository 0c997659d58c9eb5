"""The reviewer: checks a solution and ends with a verdict, `right` or `wrong at step N`.

The last verdict in the text counts, whatever its case. A review without one is a review with the verdict
"none".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from langchain_core.messages import AIMessage

from tutelage.agents.roles.candidate import fingerprint
from tutelage.agents.roles.role import Role, View, said, turn_id
from tutelage.traces import current_recorder
from tutelage.types import Score

__all__ = ["Review", "Reviewer", "Verdict", "read_verdict"]

Verdict = Literal["right", "wrong", "none"]

_VERDICT = re.compile(r"verdict:\s*(right|wrong)\b(?:\s+at\s+step\s+(\d{1,9})(?!\d))?", re.IGNORECASE)

PASSED: Mapping[Verdict, bool | None] = {"right": True, "wrong": False, "none": None}


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer says of a solution."""

    verdict: Verdict
    """`"none"` where the text gives no verdict."""
    step: int | None
    """The first wrong step, counted from 1 over the non-empty lines; `None` where none is named."""
    text: str
    """The whole review."""
    turn_id: str | None
    """The recorded turn; `None` where nothing records."""


def read_verdict(text: str) -> tuple[Verdict, int | None]:
    """The verdict of a review, and the wrong step if it names one.

    Examples:
        >>> read_verdict("2*3=6 ok\\nverdict: wrong at step 2")
        ('wrong', 2)
        >>> read_verdict("looks fine")
        ('none', None)
    """
    found = list(_VERDICT.finditer(text))
    if not found:
        return "none", None
    if found[-1][1].lower() == "right":
        return "right", None
    step = int(found[-1][2] or 0)
    return "wrong", step if step > 0 else None


class Reviewer(Role):
    """Reads `problem` and `solution`; writes `review`, `verdict`, `step`.

    With `retries` a review without a verdict is asked for again.
    """

    name = "reviewer"
    offered: ClassVar[frozenset[str]] = frozenset({"problem", "solution"})
    required: ClassVar[frozenset[str]] = frozenset({"solution"})

    async def review(self, problem: str, solution: str, *, parents: Sequence[str] = ()) -> Review:
        """Review a solution.

        Args:
            problem: its problem.
            solution: the text to check, annotated with step scores or not.
            parents: the turns that this builds on.
        """
        return (await self.reviews(problem, solution, 1, parents=parents))[0]

    async def reviews(
        self, problem: str, solution: str, n: int, *, parents: Sequence[str] = ()
    ) -> list[Review]:
        """Review a solution n times in one engine request; the verdicts go on record as the turns' scores."""
        read: list[Review] = []

        def parse(message: AIMessage) -> tuple[Review, bool]:
            verdict, step = read_verdict(said(message))
            read.append(Review(verdict, step, said(message), turn_id(message)))
            return read[-1], verdict != "none"

        reviews = await self.ask_until(parse, parents, n, problem=problem, solution=solution)
        await _record(read)
        return reviews

    async def act(self, state: View) -> dict[str, Any]:
        """See `Role.act`."""
        turns = state.turns("solution")
        review = await self.review(state.text("problem"), state.text("solution"), parents=turns)
        return {
            "review": review.text,
            "verdict": review.verdict,
            "step": review.step,
            "lineage": {fingerprint(review.text): review.turn_id} if review.turn_id else {},
        }


async def _record(reviews: Sequence[Review]) -> None:
    """Put on record what the turns were understood to say: 1 right, 0 wrong, not a number for no verdict."""
    recorder = current_recorder()
    if recorder is None:
        return
    for review in reviews:
        if review.turn_id is not None:
            passed = PASSED[review.verdict]
            value = float("nan") if passed is None else float(passed)
            feedback = None if review.step is None else f"wrong at step {review.step}"
            score = Score(name="verdict", value=value, passed=passed, feedback=feedback)
            await recorder.ascore(score, subject="turn", subject_id=review.turn_id)
