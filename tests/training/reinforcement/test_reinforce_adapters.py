"""Adapters that learn from rollouts: one alone, several together from the same ones."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph

from tutelage.agents import (
    ChatModel,
    Refiner,
    Reviewer,
    Solver,
    connect,
    embedded_directory,
    open_model_directory,
)
from tutelage.agents.adapter_directory import open_adapter_directory
from tutelage.errors import UserError
from tutelage.graphs import LoopState, one_shot
from tutelage.tools import make_tasks, step_checker
from tutelage.traces import Run
from tutelage.training import (
    GrpoSettings,
    LoraSettings,
    blank_adapter,
    reinforce,
)
from tutelage.training.reinforcement.rewards import Judged
from tutelage.types import Sampling

BASE = embedded_directory()
TASKS = make_tasks("arithmetic", difficulty=4, count=12, seed=1)
ROLES = ("solver", "reviewer")


def surprise(rollout: Judged) -> dict[str, float]:
    """Every turn, the less likely the better: turns of few tokens differ in it."""
    return {turn.id: -sum(turn.logprobs or ()) for turn in rollout.turns}


def opened(folder: Path) -> ChatModel:
    """The embedded model under an adapter a role, which change nothing yet."""
    shape = LoraSettings(rank=4)
    held = {name: blank_adapter(BASE, folder / name, shape, seed=at) for at, name in enumerate(ROLES)}
    sampling = Sampling(max_tokens=40)
    return connect("embedded+transformers", sampling=sampling, seed=1, adapters=held)


def solve_review_refine(model: ChatModel) -> StateGraph[LoopState]:
    """The refiner speaks by the bare base."""
    graph = StateGraph(LoopState)
    graph.add_node("solver", Solver(model.with_adapter("solver")))
    graph.add_node("reviewer", Reviewer(model.with_adapter("reviewer")))
    graph.add_node("refiner", Refiner(model))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "reviewer")
    graph.add_edge("reviewer", "refiner")
    graph.add_edge("refiner", END)
    return graph


def learnt(model: ChatModel, out: Path, count: int) -> Path:
    settings = GrpoSettings(
        steps=count, tasks=3, samples=4, learning_rate=1e-3, checkpoint_every=1, threads=1
    )
    by_role = {name: model.with_adapter(name) for name in ROLES}
    return reinforce(
        solve_review_refine(model),
        by_role,
        TASKS,
        out,
        verifier=step_checker,
        reward=surprise,
        settings=settings,
        progress=False,
    )


def steps(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ChatModel]:
    with opened(tmp_path / "blank") as found:
        yield found


@pytest.mark.slow
def test_one_adapter_learns_and_its_base_stays(model: ChatModel, tmp_path: Path) -> None:
    solver, base = model.with_adapter("solver"), model.policy
    first = solver.policy
    settings = GrpoSettings(steps=2, tasks=3, samples=4, learning_rate=1e-3, beta=0.01, threads=1)
    out = reinforce(
        one_shot(solver),
        solver,
        TASKS,
        tmp_path / "out",
        verifier=step_checker,
        reward=surprise,
        settings=settings,
        progress=False,
    )
    found = open_adapter_directory(out, open_model_directory(BASE))
    assert (model.policy, solver.policy) == (base, f"{base}+{found.policy}")
    told = [each["policy"] for each in steps(tmp_path / "out-runs")]
    assert told[0] == first and len({*told, solver.policy}) == 3


@pytest.mark.slow
def test_roles_learn_together_each_by_its_own_adapter_and_go_on_after_a_kill(tmp_path: Path) -> None:
    out, runs = tmp_path / "out", tmp_path / "out-runs"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.training.reinforcement.test_reinforce_adapters import learnt, opened\n"
        "with opened(Path(sys.argv[1])) as model:\n"
        "    learnt(model, Path(sys.argv[2]), 4)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "blank"), str(out)]
    with subprocess.Popen(command, start_new_session=True) as first:
        while first.poll() is None and not (runs / "step-0002.reviewer.rows").exists():
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGKILL)
    time.sleep(1.5)
    before = steps(runs)
    # As if it had been killed before its first checkpoint: it catches up, from the rows on record.
    shutil.rmtree(out / "reviewer.partial" / "checkpoints")
    subprocess.run(command, check=True)
    after = steps(runs)[len(before) :]
    assert 0 < after[0]["step"] < len(before)
    policies = {each["step"]: each["policy"] for each in before}
    again = [each for each in after if each["step"] in policies]
    assert again and all(each["policy"] == policies[each["step"]] for each in again)
    assert {each.name for each in out.iterdir()} == set(ROLES)
    for name in ROLES:
        found = open_adapter_directory(out / name, open_model_directory(BASE))
        told = json.loads((out / name / "policy.json").read_text("utf-8"))
        assert (told["policy"], told["settings"]["roles"]) == (found.policy, [name])
        assert told["updates"] == 4
    with Run.open(runs / "step-0001") as run:
        spoke = {turn.role: turn.policy.partition("+")[2] for turn in run.turns()}
    assert spoke["refiner"] == "" and all(spoke[name] for name in ROLES)
    assert all(policies[0][name] != policies[1][name] for name in ROLES)


@pytest.mark.slow
def test_what_cannot_learn_together_is_told_before_anything_starts(model: ChatModel, tmp_path: Path) -> None:
    graph, solver = solve_review_refine(model), model.with_adapter("solver")

    def tried(who: Any, **settings: Any) -> None:
        told = GrpoSettings(steps=1, tasks=2, samples=4, threads=1, **settings)
        reinforce(graph, who, TASKS, tmp_path / "out", verifier=step_checker, settings=told, progress=False)

    with pytest.raises(UserError, match=r"role 'refiner' speaks by .* which is no adapter"):
        tried({"solver": solver, "refiner": model})
    with pytest.raises(UserError, match="leave roles out of the settings"):
        tried({"solver": solver}, roles=("solver",))
    with pytest.raises(UserError, match="leave adapter out of the settings"):
        tried(solver, adapter=LoraSettings())
    with pytest.raises(UserError, match="no role to train"):
        tried({})
    with pytest.raises(UserError, match=r"role 'refiner' speaks by .* was to be learnt by .*#solver"):
        tried({"solver": solver, "refiner": solver})
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").glob("*/policy.json"))
