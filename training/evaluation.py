"""Evaluation: how often a model, a graph or a recorded run is right, with an interval, and at what price.

A rollout that failed counts as wrong; one without a verdict is an error, not a guess. With one sample a
task the interval is Wilson's; with several, whose outcomes are not independent, it is a bootstrap over the
tasks. Not covered: comparing two evaluations (`compare`), judging again with another verifier
(`Run.score`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.traces import Candidate, Rollout, Run, ScoreRow, TokenCount
from tutelage.training.selection import verifier_of
from tutelage.training.shares import Flow, PassAt
from tutelage.training.statistics import Interval, maj_at_k, mean_interval, pass_at_k
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
    problem: str = ""
    """A hash of the problem's text, so that two tasks are not taken for one because their ids are equal."""
    first: bool | None = None
    """Whether the first solution was right; `None` where none is on record."""
    solutions: int = 0
    """How many solutions it considered."""
    sampled: int = 0
    """How many of them are first attempts."""
    sampled_right: int = 0
    """How many of those are right."""


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
        record = _Record.of(run, judge, scores)
        attempts = tuple(_attempt(rollout, record) for rollout in ended)
        path = None if run.path is None else str(run.path)
        return cls(
            name=name or run.name, verifier=judge, attempts=attempts, tokens=run.tokens(ended=True), run=path
        )

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
        return mean_interval(list(self.task_means.values()))

    @cached_property
    def curve(self) -> tuple[PassAt, ...]:
        """`pass@k` for k of 1, 2, 4, ... and all, with intervals over the tasks; empty without several samples.

        The samples are the attempts, or where every task has one, its first solutions.
        """
        if self.samples > 1:
            counts = [(len(t), sum(each.passed for each in t)) for t in self.by_task.values()]
        else:
            counts = [(t[0].sampled, t[0].sampled_right) for t in self.by_task.values()]
        return PassAt.curve(counts)

    @cached_property
    def flow(self) -> Flow | None:
        """What became of right and of wrong first solutions; `None` where no rollout has a second one."""
        if not any(each.solutions > 1 for each in self.attempts):
            return None
        known = [[each for each in t if each.first is not None] for t in self.by_task.values()]
        return Flow.of([[(bool(each.first), each.passed) for each in tries] for tries in known])

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

    def difficulties(self) -> dict[tuple[str, int], "Evaluation"]:
        """The evaluation of every difficulty of every family."""
        known = {(a.family, a.difficulty) for a in self.attempts if a.difficulty is not None}
        return {
            (family, dial): self.only(
                a.task_id for a in self.attempts if (a.family, a.difficulty) == (family, dial)
            )
            for family, dial in sorted(known)
        }

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


class _Record(Data):
    """What is on record of a run beside its rollouts."""

    run: str
    verdicts: Mapping[str, bool | None]
    """Of rollouts and candidates, by id."""
    candidates: Mapping[str, Sequence[Candidate]]
    """By rollout."""

    @classmethod
    def of(cls, run: Run, judge: str, scores: Sequence[ScoreRow]) -> "_Record":
        rows = [*scores, *run.scores(subject="candidate")]
        verdicts = {row.subject_id: row.score.passed for row in rows if row.score.name == judge}
        candidates: dict[str, list[Candidate]] = {}
        for each in run.candidates():
            candidates.setdefault(each.rollout_id, []).append(each)
        return cls(run=run.name, verdicts=verdicts, candidates=candidates)


def _attempt(rollout: Rollout, record: _Record) -> Attempt:
    failed = rollout.status == "failed"
    passed = False if failed else record.verdicts.get(rollout.id)
    if passed is None:
        raise UserError(
            f"the rollout of task {rollout.task.id!r} in run {record.run!r} has no verdict; give it a score"
        )
    made = record.candidates.get(rollout.id, ())
    started = [record.verdicts.get(each.id) for each in made if each.round == made[0].round]
    return Attempt(
        task_id=rollout.task.id,
        family=rollout.task.family,
        difficulty=rollout.task.difficulty,
        repeat=rollout.repeat,
        passed=passed,
        answer=rollout.answer,
        failed=failed,
        problem=hashlib.sha256(rollout.task.problem.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        first=started[0] if started else None,
        solutions=len(made),
        sampled=len(started),
        sampled_right=Counter(started)[True],
    )
