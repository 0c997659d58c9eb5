"""Critique quality: the corrections that reviews lead to, between no feedback and an oracle's.

The same wrong solutions go to the same refiner with the model's own review (where that does not say "wrong", nothing
is refined), with the exact review of the task's family (the ceiling), and with nothing but "wrong"; and the tasks are
solved anew at the tokens that the own reviews and refinements took. One case a task, so that all are paired and
independent. Not covered: reviews that several refinements build on.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tutelage.traces import Run, TokenCount
from tutelage.training.appraisal.baselines import equal_samples
from tutelage.training.appraisal.measuring import Measuring
from tutelage.training.appraisal.repairs import CASE, cases, exactly_reviewable, repair
from tutelage.training.appraisal.verdicts import Verdicts, reviewed
from tutelage.training.comparison import Comparison
from tutelage.training.evaluation import Evaluation
from tutelage.types import Data, Task

if TYPE_CHECKING:
    from tutelage.agents import ChatModel

__all__ = ["Critique", "critique"]

OWN, EXACT, BARE, ANEW = "own review", "exact review", 'told only "wrong"', "solved anew"


class Critique(Data):
    """How good reviews are."""

    verdicts: Verdicts
    own: Evaluation | None = None
    """Repairs by the model's own reviews; `None` where nothing was repaired anew."""
    others: tuple[Evaluation, ...] = ()
    """The exact review's (where there are families), without feedback, and solved anew at equal tokens."""

    @property
    def ceiling(self) -> Evaluation | None:
        """The exact review's repairs."""
        return next((each for each in self.others if each.name == EXACT), None)

    def comparisons(self) -> list[Comparison]:
        """The own reviews' repairs minus each other kind's, on the same wrong solutions."""
        return [] if self.own is None else [Comparison.of(each, self.own) for each in self.others]


def critique(
    run: Run, measuring: Measuring, model: "ChatModel | None" = None, most: int = 200
) -> Critique | None:
    """Measure the reviews of a run.

    Args:
        run: a run with reviews.
        measuring: the verifier, and where runs go.
        model: the refiner's and the solver's; `None`: only what is on record is told.
        most: wrong solutions to repair at most; 0 for none.

    Returns:
        What was found; `None` of a run without reviews.
    """
    found = list(reviewed(run, measuring.verifier.name))
    verdicts = Verdicts.of(found)
    chosen = cases(found, most) if model is not None else []
    if verdicts is None or model is None or not chosen:
        return None if verdicts is None else Critique(verdicts=verdicts)
    own, others = _repaired(chosen, replace(measuring, samples=1), model)
    return Critique(verdicts=verdicts, own=own, others=tuple(others))


def _repaired(
    chosen: Sequence[Task], measuring: Measuring, model: "ChatModel"
) -> tuple[Evaluation, list[Evaluation]]:
    from tutelage.agents import Refiner
    from tutelage.graphs import majority_vote, one_shot

    verifier = measuring.verifier
    refiner = Refiner(model, verifier=verifier)
    own = measuring.evaluated("repaired_own", repair(refiner, "own"), chosen, called=OWN)
    own = own.model_copy(update={"tokens": {**own.tokens, "reviewer": _reviewing(chosen)}})
    others = []
    if judged := exactly_reviewable(chosen):
        others.append(measuring.evaluated("repaired_exact", repair(refiner, "exact"), judged, called=EXACT))
    others.append(measuring.evaluated("repaired_bare", repair(refiner, "bare"), chosen, called=BARE))
    if all(not count.unknown for count in own.tokens.values()):
        single = measuring.evaluated("repaired_single", one_shot(model, verifier=verifier), chosen)
        k = equal_samples(single, own)
        vote = majority_vote(model, k, verifier)
        others.append(measuring.evaluated(f"repaired_vote_{k}", vote, chosen, called=f"{ANEW}, {k} votes"))
    return own, others


def _reviewing(chosen: Sequence[Task]) -> TokenCount:
    """What the recorded reviews read and wrote."""
    counted: list[Any] = [_counted(task) for task in chosen]
    known = [each for each in counted if each is not None]
    return TokenCount(
        prompt=sum(each[0] for each in known),
        completion=sum(each[1] for each in known),
        turns=len(counted),
        unknown=len(counted) - len(known),
    )


def _counted(task: Task) -> Any:
    case: Any = task.metadata[CASE]
    return case["tokens"]
