"""Comparison: is the second better than the first, on the same tasks, and by how much?

Both sides are paired by task id. One attempt a task: Newcombe's interval for the difference and McNemar's
exact test. Several: the difference of the tasks' means, with a bootstrap over the tasks and a sign-flip
test. Not covered: more than two sides, and sides that have no task in common.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.tools.naming import verifier_named
from tutelage.traces import Run
from tutelage.training.evaluation import Evaluation, evaluate
from tutelage.training.statistics import Interval, bootstrap_mean, mcnemar, newcombe, sign_flip
from tutelage.types import Data, Sampling, Task

if TYPE_CHECKING:
    from tutelage.agents import ChatModel

__all__ = ["Comparison", "compare"]


class Comparison(Data):
    """Two evaluations, paired. "Before" and "after" are the first and the second side."""

    before: Evaluation
    after: Evaluation
    both: int
    """Pairs of attempts that are right on both sides."""
    only_before: int
    """Right before, wrong after."""
    only_after: int
    """Wrong before, right after."""
    neither: int
    difference: float
    """Accuracy after minus accuracy before."""
    interval: Interval
    """Of the difference, 95 %."""
    interval_method: str
    p_value: float
    """Two-sided."""
    test: str
    unpaired: int
    """Tasks that only one side has; they are in neither evaluation here."""

    @property
    def n(self) -> int:
        """How many tasks both sides have."""
        return self.before.n

    @property
    def wrong_to_right(self) -> int:
        """Pairs that became right."""
        return self.only_after

    @property
    def right_to_wrong(self) -> int:
        """Pairs that became wrong."""
        return self.only_before

    def __str__(self) -> str:
        """A table for people."""
        from tutelage.training.tables import comparison_table

        return comparison_table(self)

    @classmethod
    def of(cls, before: Evaluation, after: Evaluation) -> "Comparison":
        """Pair two evaluations.

        Raises:
            UserError: they have no task in common, were judged by different verifiers, or have different problems
                under one id.
        """
        if before.verifier != after.verifier:
            raise UserError(
                f"{before.name!r} was judged by {before.verifier!r}, {after.name!r} by {after.verifier!r}; "
                "judge both by one verifier"
            )
        tasks = before.by_task.keys() & after.by_task.keys()
        if not tasks:
            raise UserError(f"{before.name!r} and {after.name!r} have no task in common")
        _refuse_namesakes(before, after, sorted(tasks))
        unpaired = len(before.by_task.keys() ^ after.by_task.keys())
        return _paired(cls, before.only(tasks), after.only(tasks), unpaired)

    def families(self) -> "dict[str, Comparison]":
        """The comparison of every family of tasks, by name."""
        after = self.after.families()
        return {name: Comparison.of(each, after[name]) for name, each in self.before.families().items()}


def compare(
    a: "Run | Evaluation | ChatModel | str | Path",
    b: "Run | Evaluation | ChatModel | str | Path",
    tasks: Iterable[Task] | None = None,
    *,
    verifier: Verifier | None = None,
    samples: int = 1,
    sampling: Sampling | None = None,
    concurrency: int = 64,
    progress: bool = True,
) -> Comparison:
    """Compare two sides on the same tasks; the difference is b minus a.

    Args:
        a: an evaluation, a run, a chat model, or a policy directory.
        b: the same; a directory beside a chat model is loaded into that model's engine, and unloaded again.
        tasks: what models solve, in one shot; of runs these tasks only. `None`: what both have.
        verifier: who judges models; `None`: the families' own check where every task is of a known family,
            else `math_answer`. For runs, whose verdicts count.
        samples: attempts a task, for models.
        sampling: how to sample, for models; `None` for their own.
        concurrency: how many rollouts at once.
        progress: show how far it is on standard error.

    Raises:
        UserError: a model without tasks, no task in common, or two names of the same weights.
    """
    known = None if tasks is None else list(tasks)
    if not known and any(_is_model(side) for side in (a, b)):
        raise UserError("comparing models needs tasks for them to solve: compare(a, b, tasks)")
    judge = verifier or (verifier_named(None, known) if known and (_is_model(a) or _is_model(b)) else None)

    def solved(model: "ChatModel", name: str) -> Evaluation:
        assert known is not None and judge is not None
        return evaluate(
            model, known, verifier=judge, samples=samples, sampling=sampling, concurrency=concurrency,
            progress=progress, name=name,
        )  # fmt: skip

    before, after = _evaluated(a, b, None if judge is None else judge.name, solved)
    if known is not None:
        ids = {task.id for task in known}
        before, after = before.only(ids), after.only(ids)
    return Comparison.of(before, after)


def _refuse_namesakes(before: Evaluation, after: Evaluation, tasks: Sequence[str]) -> None:
    """Refuse to pair two tasks that only have their id in common."""
    for task in tasks:
        one, other = before.by_task[task][0].problem, after.by_task[task][0].problem
        if one and other and one != other:
            raise UserError(
                f"task {task!r} is another problem in {before.name!r} than in {after.name!r}; "
                "evaluate both on the same tasks"
            )


def _is_model(side: object) -> bool:
    from tutelage.agents import ChatModel

    return isinstance(side, ChatModel | str | Path)


def _evaluated(
    a: Any, b: Any, verifier: str | None, solved: Callable[["ChatModel", str], Evaluation]
) -> list[Evaluation]:
    """Evaluate both sides; directories share one engine, the chat model's if there is one."""
    from tutelage.agents import ChatModel
    from tutelage.training.policies import borrowed, opened

    found: dict[int, Evaluation] = {}
    lender = next((side for side in (a, b) if isinstance(side, ChatModel)), None)
    with ExitStack() as stack:
        for at, side in enumerate((a, b)):
            if isinstance(side, Evaluation):
                found[at] = side
            elif isinstance(side, Run):
                found[at] = Evaluation.of(side, verifier=verifier)
            elif isinstance(side, ChatModel):
                found[at] = solved(side, f"{side.name} (policy {side.policy})")
            elif lender is None:
                lender = stack.enter_context(opened(side))
                found[at] = solved(lender, str(side))
            else:
                with borrowed(lender, side) as model:
                    found[at] = solved(model, str(side))
    return [found[0], found[1]]


def _paired(kind: type[Comparison], before: Evaluation, after: Evaluation, unpaired: int) -> Comparison:
    pairs = [
        (first.passed, second.passed)
        for task, tries in before.by_task.items()
        for first, second in zip(tries, after.by_task[task], strict=False)
    ]
    both, only_before, only_after, neither = (
        pairs.count(each) for each in ((True, True), (True, False), (False, True), (False, False))
    )
    if len(before.attempts) == len(after.attempts) == before.n:
        difference = (only_after - only_before) / before.n
        interval, interval_method = newcombe(both, only_before, only_after, neither), "Newcombe, paired"
        p_value, test = mcnemar(only_before, only_after), "McNemar, exact"
    else:
        gains = [after.task_means[task] - mean for task, mean in before.task_means.items()]
        difference = fmean(gains)
        interval, interval_method = bootstrap_mean(gains), "bootstrap over tasks"
        p_value, test = sign_flip(gains), "sign flip over tasks"
    return kind(
        before=before,
        after=after,
        both=both,
        only_before=only_before,
        only_after=only_after,
        neither=neither,
        difference=difference,
        interval=interval,
        interval_method=interval_method,
        p_value=p_value,
        test=test,
        unpaired=unpaired,
    )
