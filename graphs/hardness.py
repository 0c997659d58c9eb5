"""MAgICoRe's gate: is a problem hard? Two conditions over scored candidates, each a pure function.

Source: Chen et al. 2024, arXiv 2409.12147, and the authors' program. As there, entropies are natural, and a
candidate without an answer is an outcome of its own with a product of 0. Ours, where the paper's arithmetic
is undefined: candidates without any answer are hard, a distribution without weight is even, a scale without
spread makes every score 0, and a scorer without step scores has no second distribution.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from tutelage.agents.roles import CandidateState, Solver, vote
from tutelage.errors import UserError
from tutelage.graphs.scorer import Scorer, combined, scored, step_product
from tutelage.graphs.together import together
from tutelage.types import Task

__all__ = ["Scale", "confidence", "is_hard", "low_confidence", "low_quality"]


@dataclass(frozen=True, slots=True)
class Scale:
    """The mean and the standard deviation of scores over a data set."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        """Refuse what is not a scale."""
        if not (math.isfinite(self.mean) and math.isfinite(self.std) and self.std >= 0):
            raise UserError(
                f"{self!r} is not a scale: give a finite mean and a standard deviation of 0 or more"
            )

    @classmethod
    def from_scores(cls, first_sample_scores: Iterable[float]) -> Self:
        """The scale of one score a problem, that of its first sample (population standard deviation).

        Raises:
            UserError: there are none, or one is not finite.
        """
        scores = list(first_sample_scores)
        if not scores:
            raise UserError(
                "a scale needs at least one score: give the score of every problem's first sample"
            )
        mean = math.fsum(scores) / len(scores)
        return cls(mean, math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / len(scores)))

    @classmethod
    async def measure(cls, solver: Solver, tasks: Sequence[Task], scorer: Scorer) -> Self:
        """Solve every task once, score it, and give the scale; the engine queues what is too much."""

        async def first(task: Task) -> float:
            solution = (await solver.solve(task.problem, 1))[0]
            return combined((await scored(scorer, task, [solution.candidate()]))[0])

        return cls.from_scores(await together(map(first, tasks)))

    def normalised(self, score: float) -> float:
        """How many standard deviations a score lies above the mean."""
        return (score - self.mean) / self.std if self.std > 0 else 0.0


def low_quality(candidates: Sequence[CandidateState], scale: Scale, threshold: float = 0.0) -> bool:
    """Condition 1: the majority answer's candidates score below the threshold, normalised and on average."""
    majority = vote([each["answer"] for each in candidates])
    if majority is None:
        return True
    scores = [scale.normalised(combined(each)) for each in candidates if each["answer"] == majority]
    return math.fsum(scores) / len(scores) < threshold


def low_confidence(candidates: Sequence[CandidateState], threshold: float = 0.5) -> bool:
    """Condition 2: the answers' shares of the outcome scores, or of the step products, are too even.

    Raises:
        UserError: a score below 0, of which no distribution can be made.
    """
    if all(each["answer"] is None for each in candidates):
        return True
    outcomes: dict[str | None, float] = {}
    products: dict[str | None, float] = {}
    for each in candidates:
        answer, product = each["answer"], step_product(each)
        outcomes[answer] = outcomes.get(answer, 0.0) + (each["orm"] or 0.0)
        if product is not None:
            products[answer] = products.get(answer, 0.0) + product
    return any(confidence(list(each.values())) < threshold for each in (outcomes, products) if each)


def confidence(weights: Sequence[float]) -> float:
    """How far weights agree: 2·(1 - sigmoid(H)), H the entropy (nats) of their shares; 1 for a single weight.

    Raises:
        UserError: a weight below 0.
    """
    if min(weights) < 0:
        raise UserError(
            f"a score of {min(weights)!r} cannot be a share; let the scorer give values from 0 to 1"
        )
    total = math.fsum(weights)
    shares = [each / total for each in weights] if total > 0 else [1 / len(weights)] * len(weights)
    entropy = -math.fsum(share * math.log(share) for share in shares if share > 0)
    return 2.0 * (1.0 - 1.0 / (1.0 + math.exp(-entropy)))


def is_hard(
    candidates: Sequence[CandidateState], scale: Scale, *, quality: float = 0.0, certainty: float = 0.5
) -> bool:
    """Both conditions hold: the problem is worth refining."""
    return low_quality(candidates, scale, quality) and low_confidence(candidates, certainty)
