"""Best of k (Cobbe et al. 2021, arXiv 2110.14168): the sample that a scorer likes best."""

from dataclasses import dataclass
from typing import Any

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Solver
from tutelage.graphs.scorer import Scorer, combined, scored
from tutelage.graphs.state import LoopState, task_in
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["best_of_k"]


@dataclass(frozen=True, slots=True)
class Best:
    """The node that scores all candidates and chooses the best; among equals the first."""

    scorer: Scorer

    async def __call__(self, state: LoopState) -> dict[str, Any]:
        """Write `candidates` with their scores, `solution` and `answer`."""
        candidates = await scored(self.scorer, task_in(state), state["candidates"])
        best = max(candidates, key=lambda each: (each["answer"] is not None, combined(each)))
        return {"candidates": candidates, "solution": best["text"], "answer": best["answer"]}


def best_of_k(
    model: ChatModel,
    samples: int,
    scorer: Scorer,
    *,
    verifier: Verifier | None = None,
    sampling: Sampling | None = None,
) -> StateGraph[LoopState]:
    """Solve several times in one engine request, score all, and take the best that gives an answer.

    Args:
        model: the chat model.
        samples: how many solutions.
        scorer: outcome plus the product of the step scores decides (see `combined`).
        verifier: reads the answer; `None` for the last line that states one.
        sampling: `None` for the model's own.

    Raises:
        UserError: `samples` below 1.
    """
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, samples=samples, verifier=verifier, sampling=sampling))
    graph.add_node("best", Best(scorer))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "best")
    graph.add_edge("best", END)
    return graph
