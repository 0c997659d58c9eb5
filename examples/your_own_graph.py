"""Your own LangGraph app, recorded, judged and reported: nothing in the graph is ours but the chat model.

    python examples/your_own_graph.py [--model vllm:DIR] [--quick]

The app drafts four solutions and keeps the shortest that ends in an answer. Any app will do whose input has
`problem` or `messages`, and whose final state has `solution` or `messages`. Every call of the model is a turn of
the record, under the name of the node that asked. The command runs it too:

    tutelage run arithmetic:2:50:0 --graph examples/your_own_graph.py:app
"""

import argparse
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from tutelage.agents import ChatModel, connect
from tutelage.graphs import rollout
from tutelage.tools import family_answer, final_answer, make_tasks

PROMPT = """Problem: {problem}

Solve it step by step, one step a line. End with a line "answer: X"."""


class Desk(TypedDict, total=False):
    problem: str
    drafts: list[str]
    solution: str


def app(model: ChatModel) -> CompiledStateGraph[Desk]:
    async def draft(state: Desk) -> Desk:
        answers = await model.sample(PROMPT.format(problem=state["problem"]), n=4)
        return {"drafts": [str(answer.text) for answer in answers]}

    def choose(state: Desk) -> Desk:
        finished = [text for text in state["drafts"] if final_answer(text) is not None]
        return {"solution": min(finished or state["drafts"], key=len)}

    graph = StateGraph(Desk)
    graph.add_node("draft", draft)
    graph.add_node("choose", choose)
    graph.add_edge(START, "draft")
    graph.add_edge("draft", "choose")
    graph.add_edge("choose", END)
    return graph.compile()


def main() -> None:
    parser = argparse.ArgumentParser(description="Your own LangGraph app.")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quick", action="store_true", help="a few tasks only")
    args = parser.parse_args()
    tasks = make_tasks("arithmetic", 2, 16 if args.quick else 200, seed=0)

    with connect(args.model) as model:
        run = rollout(app(model), tasks, verifier=family_answer, store="runs/own")
        print(run.report())
        first = run.turns(role="draft")[0]
        print(f"one of its turns: {len(first.completion_token_ids or ())} tokens by {first.model}")


if __name__ == "__main__":
    main()
