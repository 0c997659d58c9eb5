"""Self-Refine (Madaan et al. 2023, arXiv 2303.17651): the model reviews and rewrites its own solution.

The loop ends when the reviewer does not find the solution wrong (a review without a verdict ends it too) or
the rounds are spent.
"""

from dataclasses import dataclass

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Refiner, Reviewer, Solver
from tutelage.errors import UserError
from tutelage.graphs.state import LoopState
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["WhileWrong", "self_refine"]


@dataclass(frozen=True, slots=True)
class WhileWrong:
    """The edge that goes on while the verdict is "wrong" and rounds are left."""

    rounds: int
    then: str

    def __post_init__(self) -> None:
        """Refuse a negative number of rounds."""
        if self.rounds < 0:
            raise UserError(f"rounds={self.rounds!r}: give 0 or more")

    async def __call__(self, state: LoopState) -> str:
        """Name the next node."""
        return self.then if state["verdict"] == "wrong" and state["round"] < self.rounds else END


def self_refine(
    model: ChatModel,
    rounds: int = 3,
    *,
    retries: int = 0,
    verifier: Verifier | None = None,
    sampling: Sampling | None = None,
) -> StateGraph[LoopState]:
    """Solve, then review and refine while the review says "wrong".

    Args:
        model: the chat model, in all three roles.
        rounds: how many refinements at most.
        retries: how often a review without a verdict is asked for again.
        verifier: reads the answer; `None` for the last line that states one.
        sampling: `None` for the model's own.

    Raises:
        UserError: `rounds` or `retries` below 0.
    """
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, verifier=verifier, sampling=sampling))
    graph.add_node("reviewer", Reviewer(model, retries=retries, sampling=sampling))
    graph.add_node("refiner", Refiner(model, verifier=verifier, sampling=sampling))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "reviewer")
    graph.add_conditional_edges("reviewer", WhileWrong(rounds, "refiner"), ["refiner", END])
    graph.add_edge("refiner", "reviewer")
    return graph
