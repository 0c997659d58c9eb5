from collections.abc import Callable, Mapping, Sequence

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import one_shot, rollout
from tutelage.tools import numeric
from tutelage.training import attempts
from tutelage.types import Task

TASKS = [Task(id=name, problem=f"What is {name}?", reference="5") for name in ("1+4", "2+3", "0+5")]


@pytest.fixture
def wavering() -> ChatModel:
    """Right and wrong in turn about 1+4 and 2+3, always right about 0+5."""
    asked: dict[str, int] = {}

    def answer(messages: Sequence[Mapping[str, str]], sample: int) -> str:
        prompt = messages[-1]["content"]
        asked[prompt] = asked.get(prompt, 0) + 1
        nth = asked[prompt]
        return f"try {nth}\nanswer: {5 if '0+5' in prompt or nth % 2 else nth}"

    return scripted(answer)


def test_every_task_that_went_both_ways_gives_one_attempt_of_each_kind(wavering: ChatModel) -> None:
    with rollout(one_shot(wavering), TASKS, verifier=numeric, repeats=6, progress=False) as run:
        found = attempts(run)
        drawn = {tuple(task.metadata["attempt"] for task in attempts(run, seed=seed)) for seed in range(8)}
        assert attempts(run, seed=3) == attempts(run, seed=3)
    assert sorted(task.id for task in found) == ["1+4/right", "1+4/wrong", "2+3/right", "2+3/wrong"]
    for task in found:
        right = numeric.score(task, str(task.metadata["attempt"])).passed
        assert right is task.id.endswith("right")
        assert "try" in str(task.metadata["attempt"])
    assert len(drawn) > 1


def test_a_run_that_never_fails_has_nothing_to_tell_apart(
    model_that: Callable[[str], ChatModel], tasks: list[Task]
) -> None:
    with (
        rollout(one_shot(model_that("right")), tasks, verifier=numeric, progress=False) as run,
        pytest.raises(UserError, match="rightly and wrongly"),
    ):
        attempts(run)
