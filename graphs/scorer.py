"""Scorers: who judges candidates inside a graph, by a model or by a verifier.

A scorer gives an outcome (`Score.value`, what papers call ORM) and may give one value a step
(`Score.steps`, PRM). A verifier as scorer knows the reference: an oracle, the upper bound that a method is
compared with, never the method itself. A trained reward model is a verifier that knows no
reference: `verifier_scorer(RewardModel(DIR))`.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tutelage.agents.roles import CandidateState, Judge, Review, Reviewer
from tutelage.errors import UserError
from tutelage.graphs.together import together
from tutelage.tools import Verifier, steps
from tutelage.types import Score, Task

__all__ = ["Scorer", "combined", "model_scorer", "scored", "step_product", "step_survival", "verifier_scorer"]


class Scorer(Protocol):
    """Scores solutions."""

    @property
    def name(self) -> str:
        """The name that its scores carry."""

    async def score(self, task: Task, solution: str, *, parents: Sequence[str] = ()) -> Score:
        """Score a solution.

        Args:
            task: its task.
            solution: the text.
            parents: the turn that said it, for a scorer whose own turns are recorded.
        """


def step_product(candidate: CandidateState) -> float | None:
    """The product of a candidate's step scores, 0 for one without an answer; `None` without step scores."""
    if candidate["prm"] is None:
        return None
    return math.prod(candidate["prm"]) if candidate["answer"] is not None else 0.0


def combined(candidate: CandidateState) -> float:
    """A candidate's score: outcome plus the product of its step scores (MAgICoRe's rule).

    A scorer without step scores adds no product; no score at all is 0.
    """
    return (candidate["orm"] or 0.0) + (step_product(candidate) or 0.0)


async def scored(scorer: Scorer, task: Task, candidates: Sequence[CandidateState]) -> list[CandidateState]:
    """The candidates with their scores, all asked for at once; those already scored are not asked again."""

    async def one(each: CandidateState) -> CandidateState:
        if each["orm"] is not None:
            return each
        parents = (each["turn_id"],) if each["turn_id"] else ()
        score = await scorer.score(task, each["text"], parents=parents)
        values = None if score.steps is None else list(score.steps)
        return {**each, "scorer": scorer.name, "orm": score.value, "prm": values}

    return await together(map(one, candidates))


@dataclass(frozen=True, slots=True)
class VerifierScorer:
    """A verifier as scorer."""

    verifier: Verifier

    @property
    def name(self) -> str:
        """The verifier's name."""
        return self.verifier.name

    async def score(self, task: Task, solution: str, *, parents: Sequence[str] = ()) -> Score:
        """See `Scorer.score`; nothing is recorded."""
        return await asyncio.to_thread(self.verifier.score, task, solution)


@dataclass(frozen=True, slots=True)
class JudgeScorer:
    """The mean judgement of a judge."""

    judge: Judge
    samples: int

    @property
    def name(self) -> str:
        """The role's name."""
        return self.judge.name

    async def score(self, task: Task, solution: str, *, parents: Sequence[str] = ()) -> Score:
        """See `Scorer.score`; unreadable judgements count 0.5."""
        said = await self.judge.judgements(task.problem, solution, self.samples, parents=parents)
        return Score(name=self.name, value=sum(each.value for each in said) / len(said))


@dataclass(frozen=True, slots=True)
class ReviewerScorer:
    """The share of a reviewer's verdicts that are "right", and how the steps survive the reviews."""

    reviewer: Reviewer
    samples: int

    @property
    def name(self) -> str:
        """The role's name."""
        return self.reviewer.name

    async def score(self, task: Task, solution: str, *, parents: Sequence[str] = ()) -> Score:
        """See `Scorer.score`; 0.5 and no steps where no review has a verdict."""
        said = await self.reviewer.reviews(task.problem, solution, self.samples, parents=parents)
        reviews = [each for each in said if each.verdict != "none"]
        if not reviews:
            return Score(name=self.name, value=0.5, feedback="no review had a verdict")
        value = sum(each.verdict == "right" for each in reviews) / len(reviews)
        return Score(name=self.name, value=value, steps=step_survival(reviews, len(steps(solution))))


def step_survival(reviews: Sequence[Review], count: int) -> tuple[float, ...]:
    """One value a step from the wrong steps that reviews name.

    A step's value is the share of the reviews still content before it that are content after it (the
    Kaplan-Meier estimate), so that the product is the share of the reviews that found no wrong step. Steps
    after all reviews have found theirs are 0. A review that names no step, or one outside, finds none.

    Args:
        reviews: reviews with a verdict.
        count: how many steps the solution has.
    """
    values: list[float] = []
    content = len(reviews)
    for step in range(1, count + 1):
        found = sum(each.verdict == "wrong" and each.step == step for each in reviews)
        values.append((content - found) / content if content else 0.0)
        content -= found
    return tuple(values)


def verifier_scorer(verifier: Verifier) -> Scorer:
    """A verifier as scorer: an oracle for upper bounds, or a check that needs no reference."""
    return VerifierScorer(verifier)


def model_scorer(role: Judge | Reviewer, *, samples: int = 1) -> Scorer:
    """A judge (outcome only) or a reviewer (outcome and steps) as scorer.

    Args:
        role: who judges.
        samples: how many judgements are averaged.

    Raises:
        UserError: another role, or `samples` below 1.
    """
    if samples < 1:
        raise UserError(f"samples={samples!r} of model_scorer: give 1 or more")
    if isinstance(role, Judge):
        return JudgeScorer(role, samples)
    if isinstance(role, Reviewer):
        return ReviewerScorer(role, samples)
    raise UserError(f"model_scorer takes a Judge or a Reviewer, not {type(role).__name__}")
