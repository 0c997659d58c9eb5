import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import ChatModel, connect, embedded_directory, open_model_directory
from tutelage.errors import UserError
from tutelage.graphs import one_shot, self_refine
from tutelage.tools import make_tasks, step_checker
from tutelage.traces import Run
from tutelage.training import GrpoSettings, reinforce
from tutelage.training.reinforcement.rewards import REWARD, outcome_reward, own_reward, per_role
from tutelage.types import Sampling, Score, Task

pytestmark = pytest.mark.slow

TASKS = make_tasks("arithmetic", difficulty=4, count=12, seed=1)
BASE = open_model_directory(embedded_directory()).policy()


@pytest.fixture
def model() -> Iterator[ChatModel]:
    with connect("embedded+transformers", sampling=Sampling(max_tokens=120), seed=1) as found:
        yield found


def steps(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text("utf-8").splitlines()]


def test_a_graph_is_rolled_out_rewarded_and_learnt_from_step_by_step(
    model: ChatModel, tmp_path: Path
) -> None:
    out = tmp_path / "policy"
    settings = GrpoSettings(steps=2, tasks=3, samples=4, learning_rate=1e-3, roles=("solver", "refiner"))
    reward = per_role(solver=own_reward, refiner=own_reward)
    trained = reinforce(
        self_refine(model, rounds=1),
        model,
        TASKS,
        out,
        verifier=step_checker,
        reward=reward,
        settings=settings,
        progress=False,
    )
    assert trained == out
    assert model.policy == open_model_directory(out).policy() != BASE
    told = json.loads((out / "policy.json").read_text("utf-8"))
    assert (told["objective"], told["updates"], told["base"]["policy"]) == ("grpo", 2, BASE)
    assert told["lineage"]["families"] == {"arithmetic": len(TASKS)}
    assert [sorted(told["stages"][step]) for step in "01"] == [
        ["logprobs", "publish", "rollout", "update"]
    ] * 2
    runs = tmp_path / "policy-runs"
    first, second = steps(runs)
    assert (first["policy"], first["tasks"]) == (BASE, 3)
    assert {"seconds/reload", "seconds/rollout", "seconds/rows", "response_length"} <= set(first)
    assert second["policy"] not in (BASE, model.policy)
    with Run.open(runs / "step-0000") as run:
        rewarded = {row.subject_id for row in run.scores(subject="turn") if row.score.name == REWARD}
        assert {run.turn(turn).role for turn in rewarded} <= {"solver", "refiner"}
        assert len(run.rollouts("done")) == 12
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(".partial")] == []


def test_rewards_that_are_all_the_same_are_told_before_any_weight_moves(
    model: ChatModel, tmp_path: Path
) -> None:
    class Never:
        name = "never"

        def answer(self, solution: str) -> str | None:
            return None

        def score(self, task: Task, solution: str) -> Score:
            return Score(name="never", value=0.0, passed=False)

    with pytest.raises(UserError, match="the same within each group of 2 rollouts"):
        reinforce(
            one_shot(model),
            model,
            TASKS,
            tmp_path / "policy",
            verifier=Never(),
            settings=GrpoSettings(steps=1, tasks=2, samples=2),
            progress=False,
        )
    assert not (tmp_path / "policy").exists()
    assert model.policy == BASE


@pytest.mark.parametrize(
    ("reward", "roles", "said"),
    [
        (lambda rollout: {"nobody": 1.0}, None, "names turn 'nobody'"),
        (lambda rollout: {turn.id: math.nan for turn in rollout.turns}, None, "rewards are finite numbers"),
        (lambda rollout: None, None, "gave NoneType, not rewards by turn id"),
        (outcome_reward, ("slover",), "nobody spoke as slover; the roles that did: solver"),
    ],
    ids=["turn", "nan", "nothing", "role"],
)
def test_what_is_no_reward_and_no_role_is_told_before_any_weight_moves(
    model: ChatModel, tmp_path: Path, reward: Any, roles: Any, said: str
) -> None:
    settings = GrpoSettings(steps=1, tasks=2, samples=2, roles=roles)
    graph = one_shot(model, verifier=step_checker)
    with pytest.raises(UserError, match=said):
        reinforce(
            graph,
            model,
            TASKS,
            tmp_path / "p",
            verifier=step_checker,
            reward=reward,
            settings=settings,
            progress=False,
        )
    assert model.policy == BASE


def test_sampling_whose_probabilities_are_not_the_recorded_ones_is_refused(
    model: ChatModel, tmp_path: Path
) -> None:
    cold = model.with_sampling(temperature=0.5)
    with pytest.raises(UserError, match=r"'solver' samples at temperature 0\.5"):
        reinforce(
            one_shot(cold),
            cold,
            TASKS,
            tmp_path / "policy",
            verifier=step_checker,
            settings=GrpoSettings(steps=1, tasks=2, samples=2),
            progress=False,
        )


SCRIPT = """
import sys
from tutelage.agents import connect
from tutelage.graphs import one_shot
from tutelage.tools import make_tasks, step_checker
from tutelage.training import GrpoSettings, reinforce
from tutelage.types import Sampling

with connect("embedded+transformers", sampling=Sampling(max_tokens=120), seed=1) as model:
    settings = GrpoSettings(steps=5, tasks=3, samples=4, learning_rate=1e-3, checkpoint_every=2)
    tasks = make_tasks("arithmetic", difficulty=4, count=12, seed=1)
    reinforce(one_shot(model), model, tasks, sys.argv[1], verifier=step_checker, settings=settings, progress=False)
"""


def test_killed_it_goes_on_and_learns_from_what_is_on_record_as_before(tmp_path: Path) -> None:
    out, runs = tmp_path / "policy", tmp_path / "policy-runs"
    command = [sys.executable, "-c", SCRIPT, str(out)]
    with subprocess.Popen(command, start_new_session=True) as first:
        while first.poll() is None and not (runs / "step-0003.rows").exists():
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
    before = steps(runs)
    subprocess.run(command, check=True)
    after = steps(runs)[len(before) :]
    assert [each["step"] for each in after] == list(range(after[0]["step"], 5))
    assert 0 < after[0]["step"] < len(before)
    policies = {each["step"]: each["policy"] for each in before}
    again = [each for each in after if each["step"] in policies]
    assert again and all(each["policy"] == policies[each["step"]] for each in again)
    assert open_model_directory(out).policy() != BASE
