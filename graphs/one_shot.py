"""One shot: the solver answers, nothing else. The floor that every other method is compared with."""

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Solver
from tutelage.graphs.state import LoopState
from tutelage.tools import Verifier
from tutelage.types import Sampling

__all__ = ["one_shot"]


def one_shot(
    model: ChatModel, *, verifier: Verifier | None = None, sampling: Sampling | None = None
) -> StateGraph[LoopState]:
    """Solve once.

    Args:
        model: the chat model.
        verifier: reads the answer; `None` for the last line that states one.
        sampling: `None` for the model's own.
    """
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, verifier=verifier, sampling=sampling))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", END)
    return graph
