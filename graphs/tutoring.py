"""Tutoring: a student solves, a verifier checks, a teacher hints, the student tries again.

The teacher knows the reference. It reaches only the teacher's prompts, and whatever of
it the teacher gives away in a hint.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Solver, Teacher
from tutelage.graphs.self_refine import WhileWrong
from tutelage.graphs.state import LoopState, task_in
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["Check", "tutoring"]


@dataclass(frozen=True, slots=True)
class Check:
    """The node that lets a verifier give the verdict."""

    verifier: Verifier

    async def __call__(self, state: LoopState) -> dict[str, Any]:
        """Write `verdict`, and `step` where the verifier judges steps; "none" where it does not decide."""
        score = await asyncio.to_thread(self.verifier.score, task_in(state), state["solution"])
        if score.passed is None:
            return {"verdict": "none", "step": None}
        wrong = (
            [] if score.passed else [at for at, value in enumerate(score.steps or (), start=1) if value < 0.5]
        )
        return {"verdict": "right" if score.passed else "wrong", "step": wrong[0] if wrong else None}


def tutoring(
    model: ChatModel,
    verifier: Verifier,
    rounds: int = 3,
    *,
    teacher: ChatModel | None = None,
    sampling: Sampling | None = None,
) -> StateGraph[LoopState]:
    """Solve, and again with a hint while the verifier says "wrong".

    Args:
        model: the student's chat model.
        verifier: checks every attempt.
        rounds: how many hints at most.
        teacher: the teacher's chat model; `None` for the student's.
        sampling: `None` for the models' own.

    Raises:
        UserError: `rounds` below 0.
    """
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, verifier=verifier, sampling=sampling))
    graph.add_node("check", Check(verifier))
    graph.add_node("teacher", Teacher(teacher or model, sampling=sampling))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "check")
    graph.add_conditional_edges("check", WhileWrong(rounds, "teacher"), ["teacher", END])
    graph.add_edge("teacher", "solver")
    return graph
