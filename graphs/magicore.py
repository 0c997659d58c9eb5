"""MAgICoRe (Chen et al. 2024, arXiv 2409.12147): refine the hard problems only, guided by step scores.

Sample k, score, ask whether the problem is hard (`tutelage.graphs.hardness`); while it is and rounds are
left, review and refine all k at once, score the new ones, keep the k best of old and new; then a weighted
vote. The paper refines the kept k; candidates that were dropped stay in the state for the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from tutelage.agents import CandidateState, ChatModel, Refiner, Reviewer, Solver
from tutelage.errors import UserError
from tutelage.graphs.hardness import Scale, is_hard
from tutelage.graphs.scorer import Scorer, combined, scored
from tutelage.graphs.state import LoopState, task_in
from tutelage.graphs.together import together
from tutelage.graphs.voting import elect
from tutelage.tools import Verifier, steps

__all__ = ["MagicoreState", "annotated", "magicore"]


class Feedback(TypedDict):
    """A review of one candidate of the pool."""

    text: str
    turn_id: str | None


class MagicoreState(LoopState, total=False):
    """The state of a loop with a pool."""

    pool: list[str]
    """The ids of the k candidates that are kept, best first."""
    feedback: list[Feedback]
    """The latest review of each of them, in the same order."""


def annotated(solution: str, values: Sequence[float] | None) -> str:
    """Write each step's score behind it, one decimal in square brackets; without scores the text as it is."""
    if values is None:
        return solution
    lines = steps(solution)
    marks = [f" [{value:.1f}]" for value in values[: len(lines)]]
    return "\n".join(
        line + mark for line, mark in zip(lines, marks + [""] * (len(lines) - len(marks)), strict=True)
    )


def pool_in(state: MagicoreState) -> list[CandidateState]:
    """The candidates of the pool, best first."""
    known = {each["id"]: each for each in state["candidates"]}
    return [known[each] for each in state["pool"]]


@dataclass(frozen=True, slots=True)
class Keep:
    """The node that scores the new candidates and keeps the best of the pool and them."""

    scorer: Scorer
    best: int

    async def __call__(self, state: MagicoreState) -> dict[str, Any]:
        """Write `candidates` with their scores, and `pool`."""
        candidates = await scored(self.scorer, task_in(state), state["candidates"])
        kept = set(state.get("pool") or ())
        newest = max(each["round"] for each in candidates)
        standing = [each for each in candidates if each["id"] in kept or each["round"] == newest]
        standing.sort(key=combined, reverse=True)
        return {"candidates": candidates, "pool": [each["id"] for each in standing[: self.best]]}


@dataclass(frozen=True, slots=True)
class Gate:
    """The edge that goes on refining while the problem is hard and rounds are left."""

    scale: Scale
    rounds: int
    quality: float
    certainty: float
    refine_all: bool

    async def __call__(self, state: MagicoreState) -> str:
        """Name the next node."""
        if state["round"] >= self.rounds:
            return "vote"
        pool = pool_in(state)
        hard = self.refine_all or is_hard(pool, self.scale, quality=self.quality, certainty=self.certainty)
        return "reviewer" if hard else "vote"


@dataclass(frozen=True, slots=True)
class ReviewPool:
    """The node that reviews every candidate of the pool, all at once."""

    reviewer: Reviewer

    async def __call__(self, state: MagicoreState) -> dict[str, Any]:
        """Write `feedback`."""

        async def one(each: CandidateState) -> Feedback:
            parents = (each["turn_id"],) if each["turn_id"] else ()
            text = annotated(each["text"], each["prm"])
            review = await self.reviewer.review(state["problem"], text, parents=parents)
            return Feedback(text=review.text, turn_id=review.turn_id)

        return {"feedback": await together(map(one, pool_in(state)))}


@dataclass(frozen=True, slots=True)
class RefinePool:
    """The node that rewrites every candidate of the pool, all at once."""

    refiner: Refiner

    async def __call__(self, state: MagicoreState) -> dict[str, Any]:
        """Write `candidates` (the new ones besides the old) and `round`."""
        round = state["round"] + 1

        async def one(each: CandidateState, feedback: Feedback) -> CandidateState:
            parents = tuple(turn for turn in (each["turn_id"], feedback["turn_id"]) if turn)
            text = annotated(each["text"], each["prm"])
            after = await self.refiner.refine(state["problem"], text, feedback["text"], parents=parents)
            return after.candidate(parents=[each["id"]], round=round)

        made = await together(map(one, pool_in(state), state["feedback"]))
        return {"candidates": [*state["candidates"], *made], "round": round}


@dataclass(frozen=True, slots=True)
class WeightedVote:
    """The node of the vote over the pool, each candidate with its score."""

    async def __call__(self, state: MagicoreState) -> dict[str, Any]:
        """Write `solution` and `answer`."""
        chosen = elect(pool_in(state), weighted=True)
        return {"solution": chosen["text"], "answer": chosen["answer"]}


def magicore(
    model: ChatModel,
    samples: int = 40,
    *,
    scorer: Scorer,
    scale: Scale,
    rounds: int = 3,
    quality: float = 0.0,
    certainty: float = 0.5,
    temperature: float = 0.8,
    top_p: float = 0.95,
    refine_all: bool = False,
    verifier: Verifier | None = None,
) -> StateGraph[MagicoreState]:
    """Build the loop; the defaults are the paper's.

    Args:
        model: the chat model, as solver, reviewer and refiner.
        samples: k, how many solutions are sampled, refined at once, and kept. Below 3 the default `certainty` is
            always reached where there is an answer, and nothing is refined.
        scorer: gives outcome and step scores; `model_scorer` or one of your own.
        scale: mean and deviation of the first samples' scores over the data set (`Scale.measure`).
        rounds: how many refinements at most.
        quality: condition 1 holds below this normalised score.
        certainty: condition 2 holds below this confidence.
        temperature: of all three roles.
        top_p: of all three roles.
        refine_all: leave out the gate and refine every problem in every round (the paper's ablation).
        verifier: gives the key to vote by; `None` for the last line that states an answer.

    Raises:
        UserError: `samples` below 1 or `rounds` below 0.
    """
    if rounds < 0:
        raise UserError(f"rounds={rounds!r} of magicore: give 0 or more")
    sampling = model.sampling.model_copy(update={"temperature": temperature, "top_p": top_p})
    graph = StateGraph(MagicoreState)
    graph.add_node("solver", Solver(model, samples=samples, sampling=sampling, verifier=verifier))
    graph.add_node("scorer", Keep(scorer, samples))
    graph.add_node("reviewer", ReviewPool(Reviewer(model, sampling=sampling)))
    graph.add_node("refiner", RefinePool(Refiner(model, sampling=sampling, verifier=verifier)))
    graph.add_node("vote", WeightedVote())
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "scorer")
    gate = Gate(scale, rounds, quality, certainty, refine_all)
    graph.add_conditional_edges("scorer", gate, ["reviewer", "vote"])
    graph.add_edge("reviewer", "refiner")
    graph.add_edge("refiner", "scorer")
    graph.add_edge("vote", END)
    return graph
