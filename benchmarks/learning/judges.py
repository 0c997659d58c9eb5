"""Objectives whose result judges: trained on a recorded run, examined by voting on samples of held-out tasks.

The exam: of eight samples of a task by the untrained model, is the answer right that wins when every sample votes with
what the judge gives it? Before: the plain majority of the same samples, which a judge of no use does not better. Told
beside it is choosing the one sample that the judge values most, over the first one. Not covered: what a judge says of
single steps.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.learning.lesson import Lesson
from benchmarks.learning.recipes import Recipe
from tutelage.agents.roles import CandidateState, candidate
from tutelage.graphs import combined, elect, one_shot, rollout
from tutelage.tools import RewardModel, StepRewardModel, Verifier
from tutelage.tools.families import family_of
from tutelage.traces import Run
from tutelage.training import PrmSettings, RewardSettings, train
from tutelage.types import Score, Task

__all__ = ["JUDGES", "JUDGE_OF", "Samples", "sampled", "scored"]

Scores = Sequence[Sequence[Score]]
"""By task and sample."""
PER_TASK = 8
TOGETHER = 16
"""Questions to a judge at once, which it answers in one batch."""


class Samples:
    """What the untrained model answered to the tasks of the exam."""

    def __init__(self, run: Run, tasks: Sequence[Task]) -> None:
        """Read them, each with whether it is right and the answer it votes for."""
        self.tasks = tasks
        found: dict[str, list[tuple[str, str | None]]] = {task.id: [] for task in tasks}
        rollouts = {each.id: each.task.id for each in run.rollouts("done")}
        for told in run.candidates():
            if told.rollout_id in rollouts:
                found[rollouts[told.rollout_id]].append((told.text, told.answer))
        self.texts = [[text for text, _ in found[task.id]] for task in tasks]
        self.answers = [[answer for _, answer in found[task.id]] for task in tasks]
        self.right = [
            [family_of(task).check(task, text).right for text in texts]
            for task, texts in zip(tasks, self.texts, strict=True)
        ]

    def first(self) -> list[bool]:
        """Whether the first sample of each task is right."""
        return [right[0] for right in self.right]

    def elected(self, scores: Scores | None = None) -> list[bool]:
        """Whether the answer of each task that most samples speak for is right; with scores, they weigh the voices."""
        return self._right_of(scores, lambda pool: elect(pool, weighted=scores is not None))

    def chosen(self, scores: Scores) -> list[bool]:
        """Whether the best scored sample of each task is right."""
        return self._right_of(scores, lambda pool: max(pool, key=combined))

    def _right_of(
        self, scores: Scores | None, choose: Callable[[list[CandidateState]], CandidateState]
    ) -> list[bool]:
        found = []
        for at, right in enumerate(self.right):
            pool = [candidate(*said) for said in zip(self.texts[at], self.answers[at], strict=True)]
            if scores is not None:
                pool = [_with(score, each) for score, each in zip(scores[at], pool, strict=True)]
            found.append(right[pool.index(choose(pool))])
        return found


def _with(score: Score, made: CandidateState) -> CandidateState:
    return {**made, "orm": score.value, "prm": None if score.steps is None else list(score.steps)}


def sampled(lesson: Lesson, tasks: Sequence[Task], folder: Path) -> Samples:
    """Let the untrained model answer every task several times; the same folder continues."""
    graph = one_shot(lesson.model, verifier=lesson.verifier)
    run = rollout(
        graph, tasks, verifier=lesson.verifier, store=folder, repeats=PER_TASK, progress=False, control=False
    )
    with run:
        return Samples(run, tasks)


def scored(judge: Verifier, samples: Samples) -> Scores:
    """What a judge gives every sample, by task."""
    pairs = [(task, text) for task, texts in zip(samples.tasks, samples.texts, strict=True) for text in texts]
    with ThreadPoolExecutor(TOGETHER) as asking:
        told = iter(list(asking.map(lambda pair: judge.score(*pair), pairs)))
    return [[next(told) for _ in texts] for texts in samples.texts]


def reward(lesson: Lesson, out: Path) -> Path:
    """A reward model from pairs of right and wrong answers."""
    with lesson.open("judged") as run:
        rows = list(run.export("reward", roles="solver", pairs="outcome", per_task=8))
    settings = RewardSettings(epochs=5, batch_size=32, learning_rate=1e-3, seed=lesson.seed)
    return train("reward", lesson.base, rows, out, settings, progress=False)


def prm(lesson: Lesson, out: Path) -> Path:
    """A process reward model from steps that a check judged."""
    with lesson.open("judged") as run:
        rows = list(run.export("prm", roles="solver"))
    settings = PrmSettings(epochs=3, batch_size=32, learning_rate=1e-3, seed=lesson.seed)
    return train("prm", lesson.base, rows, out, settings, progress=False)


JUDGES: Mapping[str, Recipe] = {"reward": reward, "prm": prm}
JUDGE_OF: Mapping[str, Callable[[Path], Verifier]] = {"reward": RewardModel, "prm": StepRewardModel}
"""What judges by the weights of a training."""
