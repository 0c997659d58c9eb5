"""A session in a process of its own, which is killed; every node and every model call leaves a line in a file.

Run by test_reopening_killed.py with the session's directory and how many steps to make; then it waits to be killed.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from langgraph.graph import END, START, StateGraph

from tutelage.agents import scripted
from tutelage.graphs import LoopState, debug


def graph(log: Path) -> StateGraph[Any, Any, Any, Any]:
    """Two nodes that ask a model, and one that does not, with a subgraph around the second."""

    def note(what: str) -> None:
        with log.open("a") as file:
            print(what, file=file)

    def answer(messages: Any, sample: int) -> str:
        note(f"asked {messages[-1]['content']}")
        return f"answer: {messages[-1]['content']}"

    model = scripted(answer)

    def asking(name: str) -> Any:
        async def node(state: Any) -> dict[str, Any]:
            note(f"ran {name}")
            return {"solution": str((await model.ainvoke(f"{name} {state['problem']}")).content)}

        return node

    def check(state: Any) -> dict[str, Any]:
        note("ran check")
        return {"answer": state["solution"]}

    team: StateGraph[Any, Any, Any, Any] = StateGraph(LoopState)
    team.add_node("write", asking("write"))
    team.add_edge(START, "write")
    made: StateGraph[Any, Any, Any, Any] = StateGraph(LoopState)
    made.add_node("draft", asking("draft"))
    made.add_node("team", team.compile())
    made.add_node("check", check)
    for one, other in ((START, "draft"), ("draft", "team"), ("team", "check"), ("check", END)):
        made.add_edge(one, other)
    return made


def main(directory: Path, steps: int) -> None:
    """Make some steps, name the branch, label, edit and set a breakpoint on the way, and wait."""
    session = debug(graph(directory / "log"), "p", store=directory / "session")
    for step in range(steps):
        session.step()
        if step == 2:
            session.accept()
            session.rename("trunk")
            session.break_before("check")
            session.set("hint", "edited")
    stop = session.stop
    where = session.status if stop is None else f"{stop.when} {stop.visit.key}"
    os.write(1, f"{where}\n".encode())
    time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
