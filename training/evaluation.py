"""Evaluation: how often a model, a graph or a recorded run is right, with an interval, and at what price.

A rollout that failed counts as wrong; one without a verdict is an error, not a guess. With one sample a
task the interval is Wilson's; with several, whose outcomes are not independent, it is a bootstrap over the
tasks. Not covered: comparing two evaluations (`compare`), judging again with another verifier
(`Run.score`).
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.traces import Rollout, Run, TokenCount
from tutelage.training.selection import verifier_of
from tutelage.training.statistics import Interval, bootstrap_mean, maj_at_k, pass_at_k, wilson
from tutelage.types import Data, Sampling, Task

if TYPE_CHECKING:
    from tutelage.agents import ChatModel
    from tutelage.graphs.compiled import AnyGraph

__all__ = ["Attempt", "Evaluation", "evaluate"]


class Attempt(Data):
    """One rollout's outcome."""

    task_id: str
    family: str = ""
    difficulty: int | None = None
    repeat: int = 0
    passed: bool
    answer: str | None = None
    failed: bool = False
    """The rollout ended with an error; it counts as wrong."""


class Evaluation(Data):
    """The outcomes of one side, and what they cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    name: str
    """What was evaluated, for people."""
    verifier: str
    attempts: tuple[Attempt, ...]
    tokens: Mapping[str, TokenCount] = {}
    """What every role read and wrote."""
    run: str | None = None
    """The run's directory; `None` where it was not kept."""

    @classmethod
    def of(cls, run: Run, *, verifier: str | None = None, name: str | None = None) -> "Evaluation":
        """Read a recorded run.

        Args:
            run: an open run; what is still running is left out.
            verifier: whose verdicts count; `None`: the run's only verifier.
            name: what to call it; by default the run's name.

        Raises:
            UserError: the run has no finished rollout, or a finished one lacks a verdict.
        """
        ended = [rollout for rollout in run.rollouts() if rollout.status in ("done", "failed")]
        if not ended:
            raise UserError(f"run {run.name!r} has no finished rollout to evaluate")
        scores = run.scores(subject="rollout")
        judge = verifier_of(run, scores, verifier)
        verdicts = {row.subject_id: row.score.passed for row in scores if row.score.name == judge}
        attempts = tuple(_attempt(rollout, verdicts, run) for rollout in ended)
        path = None if run.path is None else str(run.path)
        return cls(name=name or run.name, verifier=judge, attempts=attempts, tokens=run.tokens(), run=path)

    @cached_property
    def by_task(self) -> Mapping[str, tuple[Attempt, ...]]:
        """The attempts of every task, in the order of their repeats."""
        found: dict[str, list[Attempt]] = {}
        for attempt in self.attempts:
            found.setdefault(attempt.task_id, []).append(attempt)
        return {task: tuple(sorted(tries, key=lambda each: each.repeat)) for task, tries in found.items()}

    @property
    def n(self) -> int:
        """How many tasks there are."""
        return len(self.by_task)

    @property
    def samples(self) -> int:
        """How many attempts every task has at least."""
        return min(map(len, self.by_task.values()), default=0)

    @cached_property
    def task_means(self) -> Mapping[str, float]:
        """The share of right attempts of every task."""
        return {task: fmean(each.passed for each in tries) for task, tries in self.by_task.items()}

    @cached_property
    def accuracy(self) -> float:
        """The mean over the tasks of their share of right attempts (`mean@k`)."""
        return fmean(self.task_means.values())

    @cached_property
    def interval(self) -> Interval:
        """The 95 % interval of `accuracy`."""
        if len(self.attempts) == self.n:
            return wilson(sum(each.passed for each in self.attempts), self.n)
        return bootstrap_mean(list(self.task_means.values()))

    def pass_at(self, k: int) -> float:
        """The chance that one of k attempts is right, unbiased, averaged over the tasks.

        Raises:
            UserError: a task has fewer than k attempts.
        """
        return fmean(pass_at_k(len(t), sum(each.passed for each in t), k) for t in self.by_task.values())

    def maj_at(self, k: int) -> float:
        """How often the majority of k attempts is right, averaged over the tasks.

        Raises:
            UserError: a task has fewer than k attempts.
        """
        return fmean(maj_at_k([a.answer for a in t], [a.passed for a in t], k) for t in self.by_task.values())

    @property
    def failed(self) -> int:
        """How many attempts ended with an error."""
        return sum(each.failed for each in self.attempts)

    @property
    def tokens_per_attempt(self) -> float | None:
        """Tokens read and written by all roles, an attempt; `None` where the engine did not count some."""
        counts = self.tokens.values()
        if not counts or any(count.unknown for count in counts):
            return None
        return sum(count.prompt + count.completion for count in counts) / len(self.attempts)

    def only(self, ids: Iterable[str]) -> "Evaluation":
        """The same for some of the tasks; then without the tokens, which are counted as a whole."""
        wanted = set(ids)
        if self.by_task.keys() <= wanted:
            return self
        kept = tuple(each for each in self.attempts if each.task_id in wanted)
        return Evaluation(name=self.name, verifier=self.verifier, attempts=kept, run=self.run)

    def families(self) -> dict[str, "Evaluation"]:
        """The evaluation of every family of tasks, by name."""
        names = sorted({attempt.family for attempt in self.attempts})
        return {name: self.only(a.task_id for a in self.attempts if a.family == name) for name in names}

    def __str__(self) -> str:
        """A table for people."""
        from tutelage.training.tables import evaluation_table

        return evaluation_table(self)


def evaluate(
    subject: "ChatModel | AnyGraph | str | Path",
    tasks: Iterable[Task],
    *,
    verifier: Verifier,
    samples: int = 1,
    sampling: Sampling | None = None,
    store: str | Path | None = None,
    concurrency: int = 64,
    progress: bool = True,
    name: str | None = None,
) -> Evaluation:
    """Roll out and judge.

    Args:
        subject: a chat model or policy directory, which solves in one shot, or any graph for `rollout`.
        tasks: the tasks.
        verifier: who judges.
        samples: attempts a task.
        sampling: how to sample; for models and directories only.
        store: the run's directory, to keep it or to continue it.
        concurrency: how many rollouts at once.
        progress: show how far it is on standard error.
        name: what to call it in tables.

    Raises:
        UserError: as `rollout`, or `sampling` for a graph.
    """
    from tutelage.agents import ChatModel
    from tutelage.graphs import one_shot, rollout
    from tutelage.training.policies import opened

    if isinstance(subject, str | Path):
        with opened(subject) as model:
            return evaluate(
                model, tasks, verifier=verifier, samples=samples, sampling=sampling, store=store,
                concurrency=concurrency, progress=progress, name=name or Path(subject).name,
            )  # fmt: skip
    if isinstance(subject, ChatModel):
        graph: AnyGraph = one_shot(subject, verifier=verifier, sampling=sampling)
        name = name or subject.name
    elif sampling is not None:
        raise UserError("sampling= is for models; a graph's roles have their own")
    else:
        graph = subject
    run = rollout(
        graph,
        tasks,
        verifier=verifier,
        store=store,
        repeats=samples,
        concurrency=concurrency,
        progress=progress,
    )
    with run:
        return Evaluation.of(run, verifier=verifier.name, name=name)


def _attempt(rollout: Rollout, verdicts: Mapping[str, bool | None], run: Run) -> Attempt:
    failed = rollout.status == "failed"
    passed = False if failed else verdicts.get(rollout.id)
    if passed is None:
        raise UserError(
            f"the rollout of task {rollout.task.id!r} in run {run.name!r} has no verdict; give it a score"
        )
    return Attempt(
        task_id=rollout.task.id,
        family=rollout.task.family,
        difficulty=rollout.task.difficulty,
        repeat=rollout.repeat,
        passed=passed,
        answer=rollout.answer,
        failed=failed,
    )
