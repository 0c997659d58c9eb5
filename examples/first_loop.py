"""The first loop: solve, review and refine; look at what it brought; train on it; compare.

    python examples/first_loop.py [--model vllm:DIR] [--quick]

The run is recorded in runs/first-loop (with --quick: runs/first-look), the trained weights beside it in -sft. The
same command again goes on where it stopped.
"""

import argparse

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Refiner, Reviewer, Solver, connect
from tutelage.graphs import LoopState, rollout
from tutelage.tools import family_answer, make_tasks
from tutelage.training import compare, distill


def loop(model: ChatModel) -> StateGraph[LoopState]:
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model))
    graph.add_node("reviewer", Reviewer(model))
    graph.add_node("refiner", Refiner(model))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "reviewer")
    graph.add_conditional_edges(
        "reviewer", lambda state: "refiner" if state["verdict"] == "wrong" and state["round"] < 3 else END
    )
    graph.add_edge("refiner", "reviewer")
    return graph


def main() -> None:
    parser = argparse.ArgumentParser(description="The first loop.")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quick", action="store_true", help="a few tasks only")
    args = parser.parse_args()
    count = 24 if args.quick else 400
    tasks = make_tasks("arithmetic", 3, count, seed=0)
    heldout = make_tasks("arithmetic", 3, count, seed=0, split="heldout")

    with connect(args.model) as model:
        run = rollout(
            loop(model),
            tasks,
            verifier=family_answer,
            store="runs/first-look" if args.quick else "runs/first-loop",
        )
        print(run.report())
        better = distill(run)
        print(compare(model, better, heldout))


if __name__ == "__main__":
    main()
