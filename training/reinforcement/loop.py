"""Reinforcement learning: roll a graph out, reward its turns, update the weights, reload them in place, and again.

The process that calls holds the engine; the weights are updated in a child (`tutelage.training.objectives.grpo`), which
names its weights before each step. Every step's rollouts are a run of their own on disk, with the rewards as scores of
the turns. A training that was killed goes on from its last checkpoint: steps that were rolled out since are learnt from
again as they are on record. Several adapters of one engine learn from one set of rollouts a step, each in a child of its
own; a child that was killed behind the others' checkpoints catches up from the rows on record. Not covered: evaluation
between steps; that a call to go on with has another curriculum of the same name, or functions that say something else.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from tutelage.agents import ChatModel
from tutelage.graphs.compiled import compiled, graph_settings, plain
from tutelage.tools import Verifier
from tutelage.training.curricula.curriculum import Curriculum, Uniform
from tutelage.training.jobs.launching import launch_together
from tutelage.training.reinforcement.learners import learners_of
from tutelage.training.reinforcement.rewards import Reward, outcome_reward
from tutelage.training.reinforcement.settings import GrpoSettings
from tutelage.training.reinforcement.steps import Steps
from tutelage.types import Task

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph, StateGraph

__all__ = ["reinforce"]


def reinforce(
    graph: "StateGraph[Any] | CompiledStateGraph[Any]",
    model: ChatModel | Mapping[str, ChatModel],
    tasks: Sequence[Task],
    out: str | Path,
    *,
    verifier: Verifier,
    reward: Reward = outcome_reward,
    settings: GrpoSettings | None = None,
    curriculum: Curriculum | None = None,
    runs: str | Path | None = None,
    progress: bool = True,
) -> Path:
    """Train the policy that speaks in a graph by its own rollouts.

    Args:
        graph: any graph whose roles speak by `model`; what other weights say is never trained. Another engine that
            holds the same weights at the first step must be left out by `settings.roles`.
        model: the policy, on an engine that can reload its weights, and has the trained ones afterwards; of an adapter
            (`ChatModel.with_adapter`) the adapter is trained, and the base stays. Or models of adapters of one engine by
            role: each adapter learns from its own roles' turns, all from the same rollouts.
        tasks: what to train on.
        out: the new directory, of a model or of an adapter; with models by role a folder with a directory an adapter.
        verifier: judges the rollouts.
        reward: what each turn was worth.
        settings: how to train; `None` for the defaults.
        curriculum: which tasks a step takes; `None`: all with equal chance, none twice before all had a turn.
        runs: where the rollouts of the steps are kept, a run each; `None`: `OUT-runs`.
        progress: show a progress bar on stderr.

    Returns:
        `out`.

    Raises:
        UserError: the engine keeps its own weights, sampling is not at temperature 1 and top_p 1, the first step's
            rewards are the same in every group, or as `tutelage.training.train`.
        EngineError: an engine or the training died; the same call again goes on.
    """
    chosen, target = settings or GrpoSettings(), Path(out).absolute()
    folder = Path(f"{target}-runs" if runs is None else runs).absolute()
    learners = learners_of(model, target, chosen)
    steps = Steps(graph, learners, tuple(tasks), verifier, reward, chosen, curriculum or Uniform(), folder)
    rows = [task.model_dump(mode="json") for task in tasks]
    lineage: dict[str, JsonValue] = {
        "runs": str(folder),
        "verifier": verifier.name,
        "graph": _digest(graph_settings(compiled(graph))),
        "reward": str(plain(reward)),
        "curriculum": steps.curriculum.name,
        "families": {**Counter(task.family for task in tasks)},
    }
    trainings = {each.name: each.training for each in learners}
    try:
        launch_together("grpo", trainings, rows, lineage=lineage, progress=progress, answers=steps.answers)
    except BaseException:
        for each in learners:
            each.model.reload(each.start)
        raise
    for each in learners:
        each.model.reload(each.training.out)
    return target


def _digest(settings: Mapping[str, JsonValue]) -> str:
    """A hash of how a graph behaves whatever weights speak in it."""

    def lasting(value: JsonValue) -> JsonValue:
        if isinstance(value, Mapping):
            return {name: lasting(each) for name, each in value.items() if name != "policy"}
        return [lasting(each) for each in value] if isinstance(value, list) else value

    return sha256(json.dumps(lasting(dict(settings)), sort_keys=True).encode()).hexdigest()
