"""Reinforcement learning: roll a graph out, reward its turns, update the weights, reload them in place, and again.

The process that calls holds the engine; the weights are updated in a child (`tutelage.training.objectives.grpo`), which
names its weights before each step. Every step's rollouts are a run of their own on disk, with the rewards as scores of
the turns. A training that was killed goes on from its last checkpoint: steps that were rolled out since are learnt from
again as they are on record. Not covered: evaluation between steps.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.graphs import rollout
from tutelage.tools import Verifier
from tutelage.traces import Run, Store
from tutelage.training.curricula.curriculum import Curriculum, Result, Uniform
from tutelage.training.jobs.feed import Question
from tutelage.training.jobs.launching import launch
from tutelage.training.policies import local_directory
from tutelage.training.reinforcement.batch import write_batch
from tutelage.training.reinforcement.rewards import REWARD, Judged, Reward, judged, outcome_reward, put
from tutelage.training.reinforcement.settings import GrpoSettings
from tutelage.training.reinforcement.stages import Stages
from tutelage.types import Task

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph, StateGraph

__all__ = ["reinforce"]


def reinforce(
    graph: "StateGraph[Any] | CompiledStateGraph[Any]",
    model: ChatModel,
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
        graph: any graph whose roles speak by `model`; roles that speak by another model are never trained.
        model: the policy, on an engine that can reload its weights. It has the trained weights afterwards.
        tasks: what to train on.
        out: the new model directory.
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
    chosen = settings or GrpoSettings()
    folder = Path(runs) if runs is not None else Path(f"{Path(out)}-runs")
    base = local_directory(model)
    steps = Steps(graph, model, tuple(tasks), verifier, reward, chosen, curriculum or Uniform(), folder)
    rows = [task.model_dump(mode="json") for task in tasks]
    lineage = {"runs": str(folder), "verifier": verifier.name, "curriculum": steps.curriculum.name}
    try:
        trained = launch(
            "grpo", base, rows, out, chosen, lineage=lineage, progress=progress, answer=steps.answer
        )
    except BaseException:
        model.reload(base)
        raise
    model.reload(trained)
    return trained


class Steps:
    """Makes the rows of each step."""

    def __init__(
        self,
        graph: Any,
        model: ChatModel,
        tasks: Sequence[Task],
        verifier: Verifier,
        reward: Reward,
        settings: GrpoSettings,
        curriculum: Curriculum,
        folder: Path,
    ) -> None:
        """Take what a step needs."""
        self.curriculum = curriculum
        self._graph, self._model, self._tasks = graph, model, tasks
        self._verifier, self._reward, self._settings = verifier, reward, settings
        self._folder = folder
        self._done = 0
        self._stages = Stages()

    def answer(self, question: Question) -> Path:
        """Roll out with the weights that the worker names, and write the rows.

        Raises:
            UserError: there is nothing to learn from in the first step.
        """
        self._catch_up(question.step)
        self._stages.enter(question.step, "reload")
        self._model.reload(question.policy)
        rows: list[dict[str, Any]] = []
        groups: set[str] = set()
        results: list[Result] = []
        for draw in range(self._settings.draws):
            found, made = self._drawn(question.step, draw)
            rows += made
            results += found
            groups |= {row["task_id"] for row in made}
            if len(groups) >= self._settings.tasks:
                break
        if not rows and not question.step:
            raise UserError(
                f"all rewards are the same within each group of {self._settings.samples} rollouts, so there is nothing "
                "to learn from; take tasks that sometimes fail and sometimes pass, or more samples"
            )
        self._stages.leave()
        self._keep(question.step, results, rows)
        file = self._folder / f"step-{question.step:04}.rows"
        write_batch(file, rows)
        return file

    def _drawn(self, step: int, draw: int) -> tuple[list[Result], list[dict[str, Any]]]:
        """Roll out one draw of tasks, reward them, and give the results and the rows."""
        settings = self._settings
        drawn = self.curriculum.draw(self._tasks, settings.tasks, (settings.seed, step, draw))
        place = self._folder / (f"step-{step:04}" + (f".{draw}" if draw else ""))
        self._stages.enter(step, "rollout")
        rollout(
            self._graph,
            drawn,
            verifier=self._verifier,
            store=place,
            repeats=settings.samples,
            progress=False,
        ).close()
        self._stages.enter(step, "rows")
        with Store.open(place) as store, store.run() as run:
            found = list(judged(run, self._verifier.name))
            self._check(found)
            rewards = {each.rollout.id: self._reward(each) for each in found}
            put(run, rewards)
            return _results(found, rewards), self._rows(run)

    def _rows(self, run: Run) -> list[dict[str, Any]]:
        settings = self._settings
        rows = run.export(
            "grpo",
            form="groups",
            verifier=REWARD,
            reward="value",
            roles=settings.roles,
            policies=self._model.policy,
            group_by=settings.group_by,
            baseline=settings.baseline,
            scale=settings.scale,
            context=settings.context,
            flat=False,
        )
        return list(rows)

    def _check(self, found: Sequence[Judged]) -> None:
        """Refuse sampling whose probabilities the recorded ones are not."""
        roles = self._settings.roles
        for each in found:
            for turn in each.turns:
                odd = turn.sampling.temperature != 1.0 or turn.sampling.top_p != 1.0
                if odd and turn.policy == self._model.policy and (roles is None or turn.role in roles):
                    raise UserError(
                        f"role {turn.role!r} samples at temperature {turn.sampling.temperature} and top_p "
                        f"{turn.sampling.top_p}; roles that are trained must sample at 1 and 1, "
                        "where the recorded log-probabilities are those of the samples"
                    )

    def _keep(self, step: int, results: Sequence[Result], rows: Sequence[Any]) -> None:
        """Tell the curriculum, and keep the step's figures in `steps.jsonl`."""
        self.curriculum.learn(results)
        self._done = step + 1
        told = {
            "step": step,
            "policy": self._model.policy,
            "tasks": len(results),
            "reward": sum(each.reward for each in results) / max(1, len(results)),
            "passed": sum(each.passed for each in results) / max(1, len(results)),
            "rows": len(rows),
            "tokens": sum(len(row["completion_ids"]) for row in rows),
            "seconds": self._stages.of(step),
            "results": [each.model_dump(mode="json") for each in results],
        }
        with (self._folder / "steps.jsonl").open("a", encoding="utf-8") as stream:
            print(json.dumps(told), file=stream, flush=True)

    def _catch_up(self, step: int) -> None:
        """Tell the curriculum of the steps before, which another process made."""
        file = self._folder / "steps.jsonl"
        known = {}
        if file.is_file():
            lines = file.read_text(encoding="utf-8").splitlines()
            known = {row["step"]: row for row in map(json.loads, lines)}
        if missing := [before for before in range(self._done, step) if before not in known]:
            raise UserError(
                f"{str(file)!r} says nothing of step {missing[0]}, which the training has learnt from; put the runs of "
                "this training back, or give another out="
            )
        for before in range(self._done, step):
            self.curriculum.learn([Result.model_validate(each) for each in known[before]["results"]])
        self._done = step


def _results(found: Sequence[Judged], rewards: Mapping[str, Mapping[str, float]]) -> list[Result]:
    """By task, how its rollouts went."""
    by_task: dict[str, list[Judged]] = {}
    for each in found:
        by_task.setdefault(each.rollout.task.id, []).append(each)
    results = []
    for group in by_task.values():
        scores = [each.score for each in group if each.score is not None]
        values = [value for each in group for value in rewards[each.rollout.id].values()]
        task = group[0].rollout.task
        results.append(
            Result(
                task=task.id,
                family=task.family,
                difficulty=task.difficulty,
                passed=sum(score.passed is True for score in scores) / max(1, len(scores)),
                reward=sum(values) / max(1, len(values)),
                advantage=_spread(values),
            )
        )
    return results


def _spread(values: Sequence[float]) -> float:
    """The mean absolute advantage of a task's turns, undivided."""
    mean = sum(values) / max(1, len(values))
    return sum(abs(value - mean) for value in values) / max(1, len(values))
