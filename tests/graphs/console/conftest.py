from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.graphs import self_refine
from tutelage.graphs.console import Console, ConsoleSettings, Reply
from tutelage.graphs.debugging import debug
from tutelage.tools import family_answer, make_tasks

Run = Callable[..., Reply]

HOSTILE = "\x1b]0;owned\x07\x1b[2J \u202etxt\x9b31m"


def say(messages: Sequence[Mapping[str, Any]], sample: int) -> str:
    """Solves wrongly, finds it wrong, rewrites rightly when told to be careful, and says something hostile."""
    prompt = str(messages[-1]["content"])
    if "Check every step" in prompt:
        return f"{HOSTILE}\nverdict: wrong at step 1" if "answer: 0" in prompt else "verdict: right"
    if "Rewrite the solution" in prompt:
        return "1+1=2\nanswer: 35" if "careful" in prompt else "0=0\nanswer: 0"
    return "0=0\nanswer: 0"


def model() -> ChatModel:
    return scripted(say)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """A console over a loop of solver, reviewer and refiner that never gets it right by itself."""
    task = make_tasks("arithmetic", 1, 1, 0)[0]
    graph = self_refine(model(), 2, verifier=family_answer)
    with debug(graph, task, verifier=family_answer, store=tmp_path / "session") as session:
        yield Console(session, ConsoleSettings(again="tutelage debug HERE"))


@pytest.fixture
def run(console: Console) -> Run:
    """Executes lines and gives the last reply; none of those before may be refused."""

    def execute(*lines: str) -> Reply:
        reply = Reply()
        for at, line in enumerate(lines, 1):
            reply = console.execute(line)
            assert at == len(lines) or not reply.refused, f"{line}: {reply.text}"
        return reply

    return execute
