from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.graphs import rollout, self_refine
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.types import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Script = Callable[[str, int, int], str]


def solved(answer: int) -> str:
    return f"counting up\nanswer: {answer}"


def half_right(prompt: str, right: int, sample: int) -> str:
    """Wrong about odd sums at first, is told so, and mends all but 17 and 21."""
    if "Check every step" in prompt:
        return "verdict: wrong at step 1" if "answer: 0" in prompt else "verdict: right"
    if "Rewrite" in prompt:
        return solved(0 if right in (17, 21) else right)
    return solved(0 if right % 2 else right)


SCRIPTS: Mapping[str, Script] = {
    "half right": half_right,
    "right": lambda prompt, right, sample: solved(right),
    "even": lambda prompt, right, sample: solved(right if right % 2 == 0 else 0),
    "odd": lambda prompt, right, sample: solved(right if right % 2 else 0),
}


@pytest.fixture
def tasks() -> list[Task]:
    return [
        Task(
            id=f"sum-{one}",
            problem=f"Add {one} and 4.",
            reference=str(one + 4),
            family="small" if one < 15 else "large",
        )
        for one in range(10, 20)
    ]


@pytest.fixture
def model_that(tasks: list[Task]) -> Callable[[str], ChatModel]:
    """A model by the name of its script."""

    def make(name: str) -> ChatModel:
        def answer(messages: Sequence[Mapping[str, str]], sample: int) -> str:
            prompt = messages[-1]["content"]
            task = next(each for each in tasks if each.problem in prompt)
            return SCRIPTS[name](prompt, int(task.reference or 0), sample)

        return scripted(answer, name=name)

    return make


@pytest.fixture
def refined(tasks: list[Task], model_that: Callable[[str], ChatModel]) -> Run:
    """Ten sums: five right at once, three mended, two wrong to the end."""
    graph = self_refine(model_that("half right"), 1)
    return rollout(graph, tasks, verifier=exact, progress=False)


@pytest.fixture(scope="session")
def tokenizer() -> "PreTrainedTokenizerFast":
    """The embedded model's tokenizer, of few examples."""
    from tutelage.training.embedded.tokenizer import make_tokenizer

    return make_tokenizer(300)
