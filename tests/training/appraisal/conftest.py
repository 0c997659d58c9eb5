from collections.abc import Mapping, Sequence
from random import Random

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.graphs import rollout, self_refine
from tutelage.tools import family_answer
from tutelage.tools.families import family_of, make_tasks
from tutelage.traces import Run
from tutelage.types import Task


@pytest.fixture(scope="package")
def drawn() -> list[Task]:
    """Twelve tasks of two families."""
    return [*make_tasks("arithmetic", 1, 6, 0), *make_tasks("equations", 1, 6, 0)]


def careless(drawn: Sequence[Task]) -> ChatModel:
    """Slips on every second task at first; its reviews miss every fourth slip; it repairs what an exact review shows.

    Told only "wrong", it gives the same again.
    """

    def say(messages: Sequence[Mapping[str, str]], sample: int) -> str:
        prompt = messages[-1]["content"]
        at, task = next((at, each) for at, each in enumerate(drawn) if each.problem in prompt)
        family = family_of(task)
        slip = family.slip(task, Random(0))
        if "Check every step" in prompt:
            return "verdict: right" if slip not in prompt or at % 4 == 3 else family.review(task, slip)
        if "Rewrite" in prompt:
            return task.solution or "" if family.review(task, slip) in prompt else slip
        return slip if at % 2 and sample % 4 != 3 else task.solution or ""

    return scripted(say, name="careless")


@pytest.fixture
def model(drawn: list[Task]) -> ChatModel:
    return careless(drawn)


@pytest.fixture
def looped(model: ChatModel, drawn: list[Task]) -> Run:
    return rollout(self_refine(model, 2), drawn, verifier=family_answer, progress=False)
