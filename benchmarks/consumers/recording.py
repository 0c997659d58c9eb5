"""The run that the exports are made from: a branching loop of the embedded model, recorded.

Four solutions a problem, a review of the one most agree on, a rewriting as long as the review finds fault, and a
question in the solver's own conversation, so that some prompts hold what was sampled before.
"""

from pathlib import Path

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Prompt, Refiner, Reviewer, Solver, connect
from tutelage.graphs import LoopState, rollout
from tutelage.tools import make_tasks, step_checker
from tutelage.traces import Run
from tutelage.types import Sampling

__all__ = ["loop", "record"]

SAMPLES = 4
ROUNDS = 2
SAMPLING = Sampling(temperature=1.0, max_tokens=320)
BRIEF = Sampling(temperature=1.0, max_tokens=24)


def loop(model: ChatModel) -> StateGraph[LoopState]:
    """Solver, a doubting question, reviewer, refiner."""

    async def doubt(state: LoopState) -> dict[str, str]:
        asked = Prompt.load("solver").render(problem=state["problem"])
        said = [HumanMessage(asked), AIMessage(state["solution"]), HumanMessage("Say the answer once more.")]
        (again,) = await model.sample(said, role="doubt", sampling=BRIEF)
        return {"hint": str(again.text)}

    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model, samples=SAMPLES, verifier=step_checker))
    graph.add_node("reviewer", Reviewer(model))
    graph.add_node("refiner", Refiner(model, verifier=step_checker))
    graph.add_node("doubt", doubt)
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "doubt")
    graph.add_edge("doubt", "reviewer")
    graph.add_conditional_edges(
        "reviewer",
        lambda state: "refiner" if state["verdict"] == "wrong" and state["round"] < ROUNDS else END,
        ["refiner", END],
    )
    graph.add_edge("refiner", "reviewer")
    return graph


def record(store: Path, tasks: int) -> Run:
    """Record the loop on so many tasks of every kind, through the engine that shares its process with nothing."""
    chosen = [task for family in ("arithmetic", "equations") for task in make_tasks(family, 4, tasks, seed=0)]
    with connect("embedded+transformers", sampling=SAMPLING, seed=0) as model:
        return rollout(loop(model), chosen, verifier=step_checker, store=store, progress=False)
