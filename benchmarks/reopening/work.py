"""The graph that is debugged: a loop with a model, a subgraph and two parallel nodes, which tell what they execute.

What it does depends on nothing but its state, so that a branch can be told from what it should be. Every node adds one
line to `log`, so that a node is named by the length of the log before it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from benchmarks.reopening.ledger import Ledger, digest
from tutelage.agents import ChatModel, scripted
from tutelage.traces import current_recorder

__all__ = ["ROLES", "TASK", "graph", "prompt_digest"]

TASK = "What is 2+3?"
ROUNDS = 2
SLOW = 0.003
"""Seconds that a node and a model take."""
ROLES = ("draft", "write", "left")
"""The nodes that ask a model."""


def grown(before: list[str], after: list[str]) -> list[str]:
    """More lines, or all lines, which is what a subgraph gives."""
    return after if before and after[: len(before)] == before else before + after


class Work(TypedDict, total=False):
    problem: str
    round: int
    solution: str
    log: Annotated[list[str], grown]


def graph(ledger: Ledger) -> StateGraph[Any, Any, Any, Any]:
    """Build it; what is executed goes into a ledger."""
    model = speaking(ledger)
    team: StateGraph[Any, Any, Any, Any] = StateGraph(Work)
    team.add_node("write", asking("write", model, ledger))
    team.add_node("check", working("check", ledger))
    team.add_edge(START, "write")
    team.add_edge("write", "check")
    made: StateGraph[Any, Any, Any, Any] = StateGraph(Work)
    made.add_node("draft", asking("draft", model, ledger))
    made.add_node("team", team.compile())
    made.add_node("left", asking("left", model, ledger))
    made.add_node("right", working("right", ledger))
    made.add_node("judge", judging(ledger))
    for one, other in (
        (START, "draft"),
        ("draft", "team"),
        ("team", "left"),
        ("team", "right"),
        ("left", "judge"),
        ("right", "judge"),
    ):
        made.add_edge(one, other)
    made.add_conditional_edges("judge", lambda state: "draft" if state["round"] < ROUNDS else END)
    return made


def speaking(ledger: Ledger) -> ChatModel:
    """A model that says what was asked, and tells for which rollout."""

    def answer(messages: Sequence[Mapping[str, Any]], sample: int) -> str:
        recorder = current_recorder()
        rollout = "" if recorder is None else recorder.rollout.id
        prompt = prompt_digest(messages)
        ledger.write("called", rollout=rollout, prompt=prompt)
        return f"{prompt}\nanswer: 5"

    return scripted(answer, latency=SLOW)


def prompt_digest(messages: Sequence[Mapping[str, Any]]) -> str:
    """The name of a prompt."""
    return digest(repr([(each.get("role"), each.get("content")) for each in messages]))


def told(ledger: Ledger, node: str, state: Work) -> None:
    """Write down that a node runs."""
    recorder = current_recorder()
    rollout = "" if recorder is None else recorder.rollout.id
    ledger.write("ran", rollout=rollout, node=node, depth=len(state.get("log", ())))


def asking(node: str, model: ChatModel, ledger: Ledger) -> Any:
    """A node that asks the model."""

    async def ask(state: Work) -> dict[str, Any]:
        told(ledger, node, state)
        said = await model.ainvoke(f"{node} {state['problem']} {len(state['log'])}")
        return {"log": [f"{node}: {said.content}"], "solution": str(said.content)}

    return ask


def working(node: str, ledger: Ledger) -> Any:
    """A node that asks nobody."""

    async def work(state: Work) -> dict[str, Any]:
        told(ledger, node, state)
        await asyncio.sleep(SLOW)
        return {"log": [node]}

    return work


def judging(ledger: Ledger) -> Any:
    """The node that counts the rounds."""

    def judge(state: Work) -> dict[str, Any]:
        told(ledger, "judge", state)
        return {"log": ["judge"], "round": state.get("round", 0) + 1}

    return judge
