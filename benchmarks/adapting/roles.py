"""The graph of three roles, and an adapter for each, trained on its own good turns of one recorded run.

Good is a right solution, a true verdict, and a right refinement. Not covered: how good the graph is
(`benchmarks.adapters`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Refiner, Reviewer, Solver
from tutelage.graphs import LoopState, rollout
from tutelage.tools import Verifier
from tutelage.traces import Run, Store
from tutelage.training import LoraSettings, SftSettings, own_reward, per_role, train, verdict_reward
from tutelage.training.reinforcement.rewards import judged
from tutelage.types import Score, Task

__all__ = ["ROLES", "recorded", "solve_review_refine", "trained"]

ROLES = ("solver", "reviewer", "refiner")
GOOD = "good"
"""The name of the turns' scores."""
PER_TASK = 4
"""Good turns of a task, at most."""
worth = per_role(solver=own_reward, reviewer=verdict_reward, refiner=own_reward)


def solve_review_refine(models: Mapping[str, ChatModel]) -> StateGraph[LoopState]:
    """Solve, review, and refine once what the review calls wrong; each role by its own model."""
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(models["solver"]))
    graph.add_node("reviewer", Reviewer(models["reviewer"]))
    graph.add_node("refiner", Refiner(models["refiner"]))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "reviewer")
    graph.add_conditional_edges("reviewer", _next, ["refiner", END])
    graph.add_edge("refiner", END)
    return graph


def _next(state: LoopState) -> str:
    return "refiner" if state["verdict"] == "wrong" else END


def recorded(model: ChatModel, tasks: Sequence[Task], verifier: Verifier, samples: int, folder: Path) -> Path:
    """Roll the graph out by the base alone, and mark the good turns; the same folder continues."""
    graph = solve_review_refine(dict.fromkeys(ROLES, model))
    rollout(graph, tasks, verifier=verifier, store=folder, repeats=samples, progress=False).close()
    with Store.open(folder) as store, store.run() as run:
        marked = {row.subject_id for row in run.scores(subject="turn") if row.score.name == GOOD}
        for each in list(judged(run, verifier.name)):
            for turn, value in worth(each).items():
                if turn not in marked:
                    score = Score(name=GOOD, value=value, passed=value == 1.0)
                    run.score(each.rollout.id, score, subject="turn", subject_id=turn)
    return folder


def trained(run: Path, base: Path, folder: Path, seed: int) -> dict[str, Path]:
    """An adapter a role, by supervised fine-tuning."""
    settings = SftSettings(epochs=3, batch_size=32, adapter=LoraSettings(rank=16), seed=seed)
    found = {}
    with Run.open(run) as opened:
        for role in ROLES:
            rows = list(opened.export("sft", roles=role, verifier=GOOD, passed=True, per_task=PER_TASK))
            found[role] = train("sft", base, rows, folder / role, settings, progress=False)
    return found
