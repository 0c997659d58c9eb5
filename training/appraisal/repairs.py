"""Repairs: the same wrong solutions, the same refiner, and feedback of different kinds. Plain graphs for `rollout`.

A case is a task that carries one wrong solution with its review. Not covered: several refinements in a row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tutelage.graphs import LoopState
from tutelage.tools.families import FAMILIES, family_of
from tutelage.training.appraisal.verdicts import Reviewed
from tutelage.types import Task

if TYPE_CHECKING:
    from langgraph.graph import StateGraph

    from tutelage.agents import Refiner

__all__ = ["Feedback", "cases", "repair"]

Feedback = Literal["own", "exact", "bare"]
"""The recorded review; the family's exact one; nothing but that the solution is wrong."""
CASE = "reviewed"
BARE = "verdict: wrong"


def cases(reviews: Iterable[Reviewed], most: int) -> list[Task]:
    """The first wrong solution of each task that was reviewed, as tasks to repair; so they are independent.

    Args:
        reviews: of a run.
        most: so many at most, evenly over the run.
    """
    found: dict[str, Reviewed] = {}
    for each in reviews:
        if not each.right:
            found.setdefault(each.task.id, each)
    return [_case(each) for each in _spread(list(found.values()), most)]


def repair(refiner: "Refiner", feedback: Feedback) -> "StateGraph[Any]":
    """The graph that shows a case's solution with some feedback to the refiner, once.

    Where the feedback does not call the solution wrong, it stays as it is, as in a loop.
    """
    from langgraph.graph import END, START, StateGraph

    from tutelage.graphs.self_refine import WhileWrong

    graph = StateGraph(LoopState)
    graph.add_node("feedback", Told(feedback))
    graph.add_node("refiner", refiner)
    graph.add_edge(START, "feedback")
    graph.add_conditional_edges("feedback", WhileWrong(1, "refiner"), ["refiner", END])
    graph.add_edge("refiner", END)
    return graph


@dataclass(frozen=True, slots=True)
class Told:
    """The node that puts a case's solution and the feedback into the state."""

    feedback: Feedback

    async def __call__(self, state: LoopState) -> dict[str, Any]:
        """Write `solution`, `review` and `verdict`."""
        from tutelage.graphs.state import task_in

        task = task_in(state)
        case: Any = task.metadata[CASE]
        if self.feedback == "own":
            return {"solution": case["solution"], "review": case["review"], "verdict": case["verdict"]}
        text = family_of(task).review(task, case["solution"]) if self.feedback == "exact" else BARE
        return {"solution": case["solution"], "review": text, "verdict": "wrong"}


def exactly_reviewable(tasks: Sequence[Task]) -> list[Task]:
    """Those whose family gives exact reviews."""
    return [task for task in tasks if task.family in FAMILIES]


def _case(review: Reviewed) -> Task:
    said = {True: "right", False: "wrong", None: "none"}[review.said]
    tokens = None if review.tokens is None else list(review.tokens)
    case = {"solution": review.solution, "review": review.review, "verdict": said, "tokens": tokens}
    return review.task.model_copy(update={"metadata": {**review.task.metadata, CASE: case}})


def _spread(found: Sequence[Reviewed], most: int) -> list[Reviewed]:
    if len(found) <= most:
        return list(found)
    return [found[at * len(found) // most] for at in range(most)]
