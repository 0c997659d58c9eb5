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
from tutelage.agents.roles import vote
from tutelage.graphs import one_shot, rollout
from tutelage.tools import RewardModel, StepRewardModel, Verifier
from tutelage.tools.families import family_of
from tutelage.traces import Run
from tutelage.training import PrmSettings, RewardSettings, train
from tutelage.types import Task

__all__ = ["JUDGES", "JUDGE_OF", "Samples", "sampled", "valued"]

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
        for candidate in run.candidates():
            if candidate.rollout_id in rollouts:
                found[rollouts[candidate.rollout_id]].append((candidate.text, candidate.answer))
        self.texts = [[text for text, _ in found[task.id]] for task in tasks]
        self.answers = [[answer for _, answer in found[task.id]] for task in tasks]
        self.right = [
            [family_of(task).check(task, text).right for text in texts]
            for task, texts in zip(tasks, self.texts, strict=True)
        ]

    def first(self) -> list[bool]:
        """Whether the first sample of each task is right."""
        return [right[0] for right in self.right]

    def elected(self, values: Sequence[Sequence[float]] | None = None) -> list[bool]:
        """Whether the answer of each task that most samples speak for is right.

        Args:
            values: what each sample's voice weighs, by task; `None`: all the same.
        """
        found = []
        for at, (answers, right) in enumerate(zip(self.answers, self.right, strict=True)):
            winner = vote(answers, None if values is None else values[at])
            found.append(winner is not None and right[answers.index(winner)])
        return found

    def chosen(self, values: Sequence[Sequence[float]]) -> list[bool]:
        """Whether the sample of each task with the highest value is right."""
        return [
            right[each.index(max(each))] for right, each in zip(self.right, map(list, values), strict=True)
        ]


def sampled(lesson: Lesson, tasks: Sequence[Task], folder: Path) -> Samples:
    """Let the untrained model answer every task several times; the same folder continues."""
    graph = one_shot(lesson.model, verifier=lesson.verifier)
    run = rollout(
        graph, tasks, verifier=lesson.verifier, store=folder, repeats=PER_TASK, progress=False, control=False
    )
    with run:
        return Samples(run, tasks)


def valued(judge: Verifier, samples: Samples) -> list[list[float]]:
    """What a judge gives every sample, by task."""
    pairs = [(task, text) for task, texts in zip(samples.tasks, samples.texts, strict=True) for text in texts]
    with ThreadPoolExecutor(TOGETHER) as asking:
        told = iter([score.value for score in asking.map(lambda pair: judge.score(*pair), pairs)])
    return [[next(told) for _ in texts] for texts in samples.texts]


def reward(lesson: Lesson, out: Path) -> Path:
    """A reward model from pairs of right and wrong answers."""
    with lesson.open("judged") as run:
        rows = list(run.export("reward", roles="solver", pairs="outcome", per_task=8))
    settings = RewardSettings(epochs=2, batch_size=32, seed=lesson.seed)
    return train("reward", lesson.base, rows, out, settings, progress=False)


def prm(lesson: Lesson, out: Path) -> Path:
    """A process reward model from steps that a check judged."""
    with lesson.open("judged") as run:
        rows = list(run.export("prm", roles="solver"))
    settings = PrmSettings(epochs=2, batch_size=32, seed=lesson.seed)
    return train("prm", lesson.base, rows, out, settings, progress=False)


JUDGES: Mapping[str, Recipe] = {"reward": reward, "prm": prm}
JUDGE_OF: Mapping[str, Callable[[Path], Verifier]] = {"reward": RewardModel, "prm": StepRewardModel}
"""What judges by the weights of a training."""
