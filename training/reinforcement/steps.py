"""The steps of reinforcement learning: tasks are drawn, rolled out, judged, rewarded, and made rows for each learner.

Not covered: the children that learn (`tutelage.training.reinforcement.loop` starts them).
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.graphs import rollout
from tutelage.tools import Verifier
from tutelage.traces import Run, Store
from tutelage.training.curricula.curriculum import Curriculum, Result
from tutelage.training.jobs.feed import Made, Question
from tutelage.training.reinforcement.batch import write_batch
from tutelage.training.reinforcement.learners import Learner
from tutelage.training.reinforcement.rewards import REWARD, Judged, Reward, judged, put
from tutelage.training.reinforcement.settings import GrpoSettings
from tutelage.training.reinforcement.stages import Stages
from tutelage.types import Task

__all__ = ["Steps"]

Rows = dict[str, list[dict[str, Any]]]
"""The rows of a step, by who learns from them."""


class Steps:
    """Makes the rows of each step."""

    def __init__(
        self,
        graph: Any,
        learners: Sequence[Learner],
        tasks: Sequence[Task],
        verifier: Verifier,
        reward: Reward,
        settings: GrpoSettings,
        curriculum: Curriculum,
        folder: Path,
    ) -> None:
        """Take what a step needs."""
        self.curriculum = curriculum
        self._graph, self._learners, self._tasks = graph, learners, tasks
        self._verifier, self._reward, self._settings = verifier, reward, settings
        self._folder = folder
        self._done = 0
        self._stages = Stages()

    def answers(self, asked: Mapping[str, Question]) -> dict[str, Made]:
        """Give rows to those who are at the earliest step: from the record, where others have gone on from it.

        Raises:
            UserError: there is nothing to learn from in the first step, or the record lacks a step.
        """
        step = min(question.step for question in asked.values())
        due = {name: question for name, question in asked.items() if question.step == step}
        if len(due) < len(self._learners):
            return {name: self._recorded(name, question) for name, question in due.items()}
        rows, figures = self._made(step, {name: question.policy for name, question in due.items()})
        for name, own in rows.items():
            write_batch(self._file(step, name), own)
        return {name: Made(self._file(step, name), figures) for name in due}

    def _made(self, step: int, policies: Mapping[str, Path]) -> tuple[Rows, dict[str, float]]:
        """Roll out with the weights that the workers name; give the rows, and figures of the step."""
        self._catch_up(step)
        self._stages.enter(step, "reload")
        for each in self._learners:
            each.model.reload(policies[each.name])
        made: Rows = {each.name: [] for each in self._learners}
        groups: set[str] = set()
        results: list[Result] = []
        for draw in range(self._settings.draws):
            known = {each.task for each in results}
            left = [task for task in self._tasks if task.id not in known]
            if not left:
                break
            found, rows = self._drawn(left, step, draw)
            results += found
            for name, own in rows.items():
                made[name] += own
                groups |= {row["task_id"] for row in own}
            if len(groups) >= self._settings.tasks:
                break
        if not any(made.values()) and not step:
            raise UserError(
                f"all rewards are the same within each group of {self._settings.samples} rollouts, so there is nothing "
                "to learn from; take tasks that sometimes fail and sometimes pass, or more samples"
            )
        self._stages.leave()
        figures = _figures(results, [row for own in made.values() for row in own], self._stages.of(step))
        self._keep(step, results, figures)
        return made, figures

    def _file(self, step: int, name: str) -> Path:
        return self._folder / f"step-{step:04}{f'.{name}' if name else ''}.rows"

    def _recorded(self, name: str, question: Question) -> Made:
        """The rows of a step that others have learnt from.

        Raises:
            UserError: they are not there.
        """
        file = self._file(question.step, name)
        if not file.is_file():
            raise UserError(
                f"there is no {str(file)!r}, which the other adapters have learnt from; put the runs of this training "
                "back, or give another out="
            )
        return Made(file, {})

    def _drawn(self, tasks: Sequence[Task], step: int, draw: int) -> tuple[list[Result], Rows]:
        """Roll out one draw of tasks, reward them, and give the results and the rows."""
        settings = self._settings
        drawn = self.curriculum.draw(tasks, settings.tasks, (settings.seed, step, draw))
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
            if not step:
                self._check_spoken(found)
            rewards = {each.rollout.id: _checked(self._reward(each), each) for each in found}
            put(run, rewards)
            return _results(found, rewards), {
                each.name: self._rows(run, each, found) for each in self._learners
            }

    def _rows(self, run: Run, learner: Learner, found: Sequence[Judged]) -> list[dict[str, Any]]:
        settings = self._settings
        said = {turn.role for each in found for turn in each.turns if learner.speaks(turn)}
        if not said:
            return []
        rows = run.export(
            "grpo",
            form="groups",
            verifier=REWARD,
            reward="value",
            roles=None if learner.roles is None else tuple(sorted(said)),
            policies=learner.model.policy,
            group_by=settings.group_by,
            baseline=settings.baseline,
            scale=settings.scale,
            context=settings.context,
            flat=False,
        )
        return list(rows)

    def _check(self, found: Sequence[Judged]) -> None:
        """Refuse sampling whose probabilities the recorded ones are not."""
        for each in found:
            for turn in each.turns:
                odd = turn.sampling.temperature != 1.0 or turn.sampling.top_p != 1.0
                if odd and any(learner.speaks(turn) for learner in self._learners):
                    raise UserError(
                        f"role {turn.role!r} samples at temperature {turn.sampling.temperature} and top_p "
                        f"{turn.sampling.top_p}; roles that are trained must sample at 1 and 1, "
                        "where the recorded log-probabilities are those of the samples"
                    )

    def _check_spoken(self, found: Sequence[Judged]) -> None:
        """Refuse a graph whose roles speak by others than those who are to learn from them."""
        turns = [turn for each in found for turn in each.turns]
        spoke, wanted = {turn.role for turn in turns}, self._settings.roles
        if wanted is not None and spoke.isdisjoint(wanted):
            said = ", ".join(sorted(spoke)) or "none"
            raise UserError(f"nobody spoke as {', '.join(wanted)}; the roles that did: {said}")
        for learner in self._learners:
            for role in learner.roles if learner.name and learner.roles else ():
                others = {turn.model for turn in turns if turn.role == role and not learner.speaks(turn)}
                if others:
                    raise UserError(
                        f"role {role!r} speaks by {', '.join(sorted(others))} and was to be learnt by "
                        f"{learner.model.engine.name}; build the graph with the models that are trained"
                    )

    def _keep(self, step: int, results: Sequence[Result], figures: Mapping[str, float]) -> None:
        """Tell the curriculum, and keep the step's figures in `steps.jsonl`."""
        self.curriculum.learn(results)
        self._done = step + 1
        policies = {each.name: each.model.policy for each in self._learners}
        told = {
            "step": step,
            "policy": policies.get("", policies),
            **figures,
            "results": [each.model_dump(mode="json") for each in results],
        }
        with (self._folder / "steps.jsonl").open("a", encoding="utf-8") as stream:
            print(json.dumps(told), file=stream, flush=True)

    def _catch_up(self, step: int) -> None:
        """Tell the curriculum of the steps before, which another process made."""
        file = self._folder / "steps.jsonl"
        known = {}
        if file.is_file():
            known = {row["step"]: row for row in _whole(file)}
        if missing := [before for before in range(self._done, step) if before not in known]:
            raise UserError(
                f"{str(file)!r} says nothing of step {missing[0]}, which the training has learnt from; put the runs of "
                "this training back, or give another out="
            )
        for before in range(self._done, step):
            self.curriculum.learn([Result.model_validate(each) for each in known[before]["results"]])
        self._done = step


def _figures(
    results: Sequence[Result], rows: Sequence[Mapping[str, Any]], seconds: Mapping[str, float]
) -> dict[str, float]:
    """How a step went, in numbers; a row's response is what is trained of it."""
    learnt = [int(sum(row["completion_mask"])) for row in rows]
    return {
        "tasks": len(results),
        "reward": sum(each.reward for each in results) / max(1, len(results)),
        "passed": sum(each.passed for each in results) / max(1, len(results)),
        "advantage": sum(each.advantage for each in results) / max(1, len(results)),
        "rows": len(rows),
        "tokens": sum(len(row["completion_ids"]) for row in rows),
        "response_length": sum(learnt) / max(1, len(learnt)),
        **{f"seconds/{stage}": value for stage, value in seconds.items()},
    }


def _whole(file: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines; a last line that was not written to its end is cut off the file."""
    written = file.read_bytes()
    end = written.rfind(b"\n") + 1
    if end < len(written):
        os.truncate(file, end)
    return [json.loads(line) for line in written[:end].splitlines()]


def _checked(rewards: Mapping[str, float], rollout: Judged) -> Mapping[str, float]:
    """Refuse what is no reward of this rollout's turns."""
    if not isinstance(rewards, Mapping):
        raise UserError(f"a reward gave {type(rewards).__name__}, not rewards by turn id")
    known = {turn.id for turn in rollout.turns}
    for turn, value in rewards.items():
        if turn not in known:
            raise UserError(f"a reward names turn {turn!r}, which rollout {rollout.rollout.id!r} has not")
        if not isinstance(value, Real) or not math.isfinite(value):
            raise UserError(f"a reward gave turn {turn!r} {value!r}; rewards are finite numbers")
    return rewards


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
