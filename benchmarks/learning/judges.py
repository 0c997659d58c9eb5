"""Objectives whose result judges: trained on the recorded run, examined by choosing among samples of held-out tasks.

The exam: of eight samples of a task by the untrained model, is the one right that the judge values most? Before: is
the first one right, which is what choosing blindly gives. The sceptic's comparison, the majority's answer of the same
samples, is told beside it. Not covered: what a judge says of single steps.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.learning.lesson import Lesson
from benchmarks.learning.recipes import Recipe
from tutelage.graphs import one_shot, rollout
from tutelage.tools import RewardModel, StepRewardModel, Verifier
from tutelage.tools.families import family_of
from tutelage.traces import Run
from tutelage.training import PrmSettings, RewardSettings, maj_at_k, train
from tutelage.types import Task

__all__ = ["JUDGES", "JUDGE_OF", "Samples", "choosing", "sampled"]

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

    def voted(self) -> float:
        """How often the majority's answer is right."""
        votes = [
            maj_at_k(answers, right, len(answers))
            for answers, right in zip(self.answers, self.right, strict=True)
        ]
        return sum(votes) / len(votes)


def sampled(lesson: Lesson, tasks: Sequence[Task], folder: Path) -> Samples:
    """Let the untrained model answer every task several times; the same folder continues."""
    graph = one_shot(lesson.model, verifier=lesson.verifier)
    run = rollout(
        graph, tasks, verifier=lesson.verifier, store=folder, repeats=PER_TASK, progress=False, control=False
    )
    with run:
        return Samples(run, tasks)


def choosing(judge: Verifier, samples: Samples) -> list[bool]:
    """Whether the sample that a judge values most is right, by task."""
    pairs = [(task, text) for task, texts in zip(samples.tasks, samples.texts, strict=True) for text in texts]
    with ThreadPoolExecutor(TOGETHER) as asking:
        told = iter([score.value for score in asking.map(lambda pair: judge.score(*pair), pairs)])
    chosen = []
    for right in samples.right:
        values = [next(told) for _ in right]
        chosen.append(right[values.index(max(values))])
    return chosen


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
