"""The exam of a seed: the same held-out tasks for every policy that was trained, answered once and kept.

A policy that solves answers every task twice, sampled as everywhere here and greedily; a gain in the samples alone is
only less noise in them, which the greedy answers tell apart. What judges weighs votes (`benchmarks.learning.judges`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.learning.judges import JUDGE_OF, sampled, scored
from benchmarks.learning.lesson import Lesson
from benchmarks.learning.record import kept
from benchmarks.storytelling.exam import solved
from tutelage.tools.families import family_of
from tutelage.training.embedded.heldout import digest
from tutelage.types import Task

__all__ = ["BASE", "Exam"]

BASE = "base"
"""The name of the untrained policy."""


class Exam:
    """What the policies of a lesson make of tasks."""

    def __init__(self, lesson: Lesson, tasks: Sequence[Task]) -> None:
        """Name the tasks; the same tasks of the same lesson have the same folder."""
        self.lesson = lesson
        self.tasks = tasks
        self.folder = lesson.folder / f"exam-{digest(tasks)[:8]}"

    def right(self, policy: str, *, greedy: bool = False) -> list[bool]:
        """Whether a policy's one solution of each task is right."""
        file = self.folder / ("greedy" if greedy else "sampled") / f"{policy}.json"
        return kept(file, lambda: self._solved(self._weights(policy), greedy))

    def judged(self, judge: str) -> Mapping[str, list[bool]]:
        """By way of choosing among samples of the base, whether it chose right.

        Returns:
            `vote`, the majority, and `weighed` by the judge; `first`, the first sample, and `best`, the judge's choice.
        """
        return kept(self.folder / "judged" / f"{judge}.json", lambda: self._chosen(judge))

    def _weights(self, policy: str) -> Path:
        return self.lesson.base if policy == BASE else self.lesson.folder / policy

    def _solved(self, weights: Path, greedy: bool) -> list[bool]:
        model = self.lesson.model
        model.reload(weights)
        told = solved(model.with_sampling(temperature=0) if greedy else model, self.tasks)
        model.reload(self.lesson.base)
        return [family_of(task).check(task, text).right for task, text in zip(self.tasks, told, strict=True)]

    def _chosen(self, judge: str) -> dict[str, list[bool]]:
        samples = sampled(self.lesson, self.tasks, self.folder / "samples")
        scores = scored(JUDGE_OF[judge](self.lesson.folder / judge), samples)
        return {
            "vote": samples.elected(),
            "weighed": samples.elected(scores),
            "first": samples.first(),
            "best": samples.chosen(scores),
        }
