"""Rows of a real rollout through a graph with three roles, and their advantages computed a second time."""

from pathlib import Path
from typing import Any

import numpy as np

from tutelage.agents import connect
from tutelage.graphs import rollout, self_refine
from tutelage.tools import make_tasks, step_checker
from tutelage.traces import Run, Store
from tutelage.training.reinforcement.rewards import REWARD, judged, own_reward, per_role, put, verdict_reward
from tutelage.types import Sampling

__all__ = ["recorded_rows"]

SAMPLES = 4
REWARDS = per_role(solver=own_reward, reviewer=verdict_reward, refiner=own_reward)


def recorded_rows(tasks: int, folder: Path) -> tuple[list[dict[str, Any]], float]:
    """Give rows with groups, and the greatest difference of an advantage from its formula."""
    drawn = make_tasks("arithmetic", difficulty=4, count=tasks, seed=3)
    with connect("embedded+transformers", sampling=Sampling(max_tokens=160), seed=3) as model:
        graph = self_refine(model, rounds=1)
        rollout(
            graph, drawn, verifier=step_checker, store=folder, repeats=SAMPLES, progress=False, control=False
        ).close()
    with Store.open(folder) as store, store.run() as run:
        put(run, {each.rollout.id: REWARDS(each) for each in judged(run, step_checker.name)})
        rows = list(run.export("grpo", form="groups", verifier=REWARD))
        return rows, _error(run, rows)


def _error(run: Run, rows: list[dict[str, Any]]) -> float:
    """Compare the rows' advantages with (r - mean) / (deviation + 1e-4) over the turns of a task and role."""
    reward = {
        row.subject_id: row.score.value for row in run.scores(subject="turn") if row.score.name == REWARD
    }
    task = {each.id: each.task.id for each in run.rollouts()}
    groups: dict[tuple[str, str], list[str]] = {}
    for turn in run.turns():
        if turn.id in reward:
            groups.setdefault((task[turn.rollout_id], turn.role), []).append(turn.id)
    expected: dict[str, float] = {}
    for names in groups.values():
        values = np.array([reward[name] for name in names])
        spread = values.std(ddof=1) + 1e-4 if len(values) > 1 else 1.0
        expected.update(zip(names, (values - values.mean()) / spread, strict=True))
    worst = 0.0
    for row in rows:
        trained = np.array(row["advantages"])[np.array(row["completion_mask"]) == 1]
        last = trained[-1]
        worst = max(worst, abs(float(last) - expected[row["turn_id"]]))
    return worst
