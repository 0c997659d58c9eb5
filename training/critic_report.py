"""How good a critic is: does it tell right from wrong, does it help, does it harm, and does it give the answer away?

The five figures of Critique-RL (Xi et al. 2025, arXiv 2510.24320), its refinement and discrimination apart, each with
a 95 % interval. A repair counts whatever led to it; so does a right solution that was spoilt. Not covered: which of
two critics is better, which is a paired test over the cases (`tutelage.training.mcnemar`).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import hypot
from pathlib import Path

from pydantic import ConfigDict

from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.graphs import critique, rollout
from tutelage.graphs.critique import ATTEMPT
from tutelage.tools import Verifier, family_answer
from tutelage.traces import Run
from tutelage.training.reinforcement.critiques import leaks_in
from tutelage.training.reinforcement.rewards import Judged, judged
from tutelage.training.statistics import Interval, wilson
from tutelage.types import Data, Task

__all__ = ["CriticReport", "Critiqued", "examine_critic"]


class Critiqued(Data):
    """One critique and what came of it."""

    task_id: str
    family: str = ""
    repeat: int = 0
    right: bool
    """The solution was right."""
    said: bool | None
    """The critic said so; `None` for no verdict."""
    after: bool
    """What came of it is right."""
    leak: bool
    """The critique gives the answer away."""

    @property
    def true(self) -> bool:
        """The verdict is the truth."""
        return self.said is self.right


class Share(Data):
    """A share of some cases, with its interval."""

    value: float | None
    """`None` where there is no case."""
    interval: Interval
    n: int


class CriticReport(Data):
    """The critiques of one critic, counted."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    cases: tuple[Critiqued, ...]

    @classmethod
    def of(cls, run: Run, *, verifier: str, answers: Verifier = family_answer) -> "CriticReport":
        """Read a recorded run of any graph with a critic; every verdict on a solution is a case.

        Args:
            run: an open run.
            verifier: whose scores are the truth.
            answers: judges answers alone, for the check on leaks.

        Raises:
            UserError: there is no verdict on a solution that the verifier decides about.
        """
        cases = tuple(case for each in judged(run, verifier) for case in _cases(each, answers))
        if not cases:
            raise UserError(f"run {run.name!r} has no verdict on a solution that {verifier!r} judged")
        return cls(cases=cases)

    @cached_property
    def verdicts(self) -> Share:
        """How often the verdict is the truth; a missing one is not."""
        return _share(self.cases, lambda case: case.true)

    @cached_property
    def right_told(self) -> Share:
        """Of right solutions: called right."""
        return _share(self._before(True), lambda case: case.true)

    @cached_property
    def wrong_told(self) -> Share:
        """Of wrong solutions: called wrong."""
        return _share(self._before(False), lambda case: case.true)

    @cached_property
    def balanced(self) -> Share:
        """The mean of the two before, whatever their numbers are; its interval is combined from theirs (MOVER)."""
        sides = (self.right_told, self.wrong_told)
        values = [side.value for side in sides if side.value is not None]
        if len(values) < 2:
            return Share(value=None, interval=Interval(0.0, 1.0), n=len(self.cases))
        down, up = (
            hypot(*(value - side.interval[end] for value, side in zip(values, sides, strict=True))) / 2
            for end in (0, 1)
        )
        value = sum(values) / 2
        return Share(value=value, interval=Interval(value - down, value + up), n=len(self.cases))

    @cached_property
    def repaired(self) -> Share:
        """Of wrong solutions: right afterwards."""
        return _share(self._before(False), lambda case: case.after)

    @cached_property
    def kept(self) -> Share:
        """Of right solutions: right afterwards."""
        return _share(self._before(True), lambda case: case.after)

    @cached_property
    def refined(self) -> Share:
        """Of all: right afterwards."""
        return _share(self.cases, lambda case: case.after)

    @cached_property
    def leaks(self) -> Share:
        """Of wrong solutions: the critique gives the answer away."""
        return _share(self._before(False), lambda case: case.leak)

    def families(self) -> dict[str, "CriticReport"]:
        """The same for every family of tasks."""
        names = sorted({case.family for case in self.cases})
        return {
            name: CriticReport(cases=tuple(case for case in self.cases if case.family == name))
            for name in names
        }

    def __str__(self) -> str:
        """One line a figure, for people."""
        named = {
            "verdicts that are true": self.verdicts,
            "the same, balanced": self.balanced,
            "wrong turned right": self.repaired,
            "right stays right": self.kept,
            "right afterwards": self.refined,
            "critiques that leak": self.leaks,
        }
        return "\n".join(f"{name:<24}{_told(share)}" for name, share in named.items())

    def _before(self, right: bool) -> list[Critiqued]:
        return [case for case in self.cases if case.right is right]


def examine_critic(
    actor: ChatModel,
    critic: ChatModel,
    tasks: Sequence[Task],
    *,
    verifier: Verifier,
    answers: Verifier = family_answer,
    repeats: int = 1,
    store: str | Path | None = None,
    progress: bool = True,
) -> CriticReport:
    """Let a critic review what an actor did, and the actor refine it whatever the verdict.

    Args:
        actor: solves and refines.
        critic: reviews.
        tasks: what is solved, or recorded attempts (`attempts`) where all of them have one.
        verifier: judges solutions.
        answers: judges answers alone, for the check on leaks.
        repeats: critiques a task.
        store: the run's directory, to keep it or to continue it.
        progress: show how far it is on standard error.

    Raises:
        UserError: as `rollout`.
    """
    graph = critique(actor, critic, recorded=all(ATTEMPT in task.metadata for task in tasks))
    with rollout(graph, tasks, verifier=verifier, store=store, repeats=repeats, progress=progress) as run:
        return CriticReport.of(run, verifier=verifier.name, answers=answers)


def _cases(rollout: Judged, answers: Verifier) -> Iterator[Critiqued]:
    leaks, task = leaks_in(rollout, answers), rollout.rollout.task
    for turn, about in rollout.reviews():
        before = rollout.solutions[about].passed
        after = rollout.solutions[(rollout.after(turn) or [about])[0]].passed
        if before is not None and after is not None:
            yield Critiqued(
                task_id=task.id,
                family=task.family,
                repeat=rollout.rollout.repeat,
                right=before,
                said=rollout.verdicts[turn.id].passed,
                after=after,
                leak=bool(leaks[turn.id]),
            )


def _share(cases: Sequence[Critiqued], counts: Callable[[Critiqued], bool]) -> Share:
    found = sum(map(counts, cases))
    value = found / len(cases) if cases else None
    return Share(value=value, interval=wilson(found, len(cases)), n=len(cases))


def _told(share: Share) -> str:
    if share.value is None:
        return "no case"
    low, high = share.interval
    return f"{100 * share.value:5.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {share.n}"
