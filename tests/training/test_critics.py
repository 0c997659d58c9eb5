import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tutelage.agents import ChatModel, connect, embedded_directory, open_model_directory, scripted
from tutelage.errors import UserError
from tutelage.tools import make_tasks, step_checker
from tutelage.traces import Run
from tutelage.training import CriticSettings, GrpoSettings, train_critic
from tutelage.types import Sampling, Task

BASE = open_model_directory(embedded_directory()).policy()
TINY = GrpoSettings(steps=1, tasks=4, samples=4, learning_rate=1e-3)
SETTINGS = CriticSettings(
    discrimination=TINY, helpfulness=TINY.model_copy(update={"beta": 0.01}), effect=TINY
)


def laid_out(count: int) -> list[Task]:
    """Right solutions in a layout that the embedded reviewer wavers about."""
    return [
        task.model_copy(update={"metadata": {"attempt": (task.solution or "").replace("\n", "  \n")}})
        for task in make_tasks("arithmetic", difficulty=4, count=count, seed=1)
    ]


@pytest.fixture
def pair() -> Iterator[tuple[ChatModel, ChatModel]]:
    sampling = Sampling(max_tokens=200)
    with (
        connect("embedded+transformers", sampling=sampling, seed=1) as actor,
        connect("embedded+transformers", sampling=sampling, seed=2) as critic,
    ):
        yield actor, critic


@pytest.mark.slow
def test_two_stages_train_the_critic_and_leave_the_actor(
    pair: tuple[ChatModel, ChatModel], tmp_path: Path
) -> None:
    actor, critic = pair
    out, tasks = tmp_path / "critic", laid_out(8)
    trained = train_critic(
        actor, critic, tasks, out, verifier=step_checker, settings=SETTINGS, progress=False
    )
    first = open_model_directory(tmp_path / "critic-discrimination").policy()
    assert trained == out
    assert actor.policy == BASE
    assert len({BASE, first, critic.policy}) == 3
    told = json.loads((out / "policy.json").read_text("utf-8"))
    assert (told["base"]["policy"], told["settings"]["beta"]) == (first, 0.01)
    assert told["settings"]["roles"] == ["reviewer"]
    with Run.open(tmp_path / "critic-discrimination-runs" / "step-0000") as run:
        assert {turn.role for turn in run.iter_turns()} == {"attempt", "reviewer"}
        assert {row.score.name for row in run.scores(subject="turn")} >= {"reward", "verdict_reward", "leak"}
    with Run.open(tmp_path / "critic-runs" / "step-0000") as run:
        scored = {row.subject_id: row.score.name for row in run.scores(subject="turn")}
        assert {run.turn(name).role for name in scored} == {"reviewer"}
        names = {row.score.name for row in run.scores(subject="turn")}
        assert names == {"verdict", "reward", "verdict_reward", "effect_reward", "leak"}
        assert {turn.policy for turn in run.iter_turns(role="refiner")} == {BASE}
    critic.reload(embedded_directory())
    train_critic(actor, critic, tasks, out, verifier=step_checker, settings=SETTINGS, progress=False)
    assert critic.policy == open_model_directory(out).policy()


def test_what_cannot_be_trained_is_told_before_anything_runs(tmp_path: Path) -> None:
    model, other = scripted(["x"]), scripted(["x"])
    tasks = laid_out(2)

    def refused(pattern: str, critic: ChatModel, tasks: list[Task], settings: CriticSettings) -> None:
        with pytest.raises(UserError, match=pattern):
            train_critic(model, critic, tasks, tmp_path / "out", verifier=step_checker, settings=settings)

    refused("share an engine", model, tasks, SETTINGS)
    half = [tasks[0], tasks[1].model_copy(update={"metadata": {}})]
    refused("1 of 2 tasks have no recorded attempt", other, half, SETTINGS)
    refused("one stage or more", other, tasks, CriticSettings(stages=()))
    assert list(tmp_path.iterdir()) == []
