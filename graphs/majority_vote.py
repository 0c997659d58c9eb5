"""Majority vote (self-consistency, Wang et al. 2022, arXiv 2203.11171): the answer most samples reach.

With a scorer the votes are weighed (Li et al. 2022, arXiv 2206.02336): what a reward model that is often wrong is good
for, where taking the one sample that it likes best would be worse than the plain majority.
"""

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Solver
from tutelage.graphs.scorer import Scorer
from tutelage.graphs.state import LoopState
from tutelage.graphs.voting import Vote
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["majority_vote"]


def majority_vote(
    model: ChatModel,
    samples: int = 8,
    verifier: Verifier | None = None,
    *,
    scorer: Scorer | None = None,
    sampling: Sampling | None = None,
) -> StateGraph[LoopState]:
    """Solve several times in one engine request, and vote.

    Args:
        model: the chat model.
        samples: how many solutions.
        verifier: gives the key to vote by; `None` for the last line that states an answer.
        scorer: what each voice weighs, outcome plus the product of the step scores (see `combined`); `None`: 1.
        sampling: `None` for the model's own.

    Raises:
        UserError: `samples` below 1.
    """
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, samples=samples, verifier=verifier, sampling=sampling))
    graph.add_node("vote", Vote(scorer))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "vote")
    graph.add_edge("vote", END)
    return graph
