"""The state of a loop: plain data, so that any checkpointer, store or JSON file can hold it.

`LoopState` has what the shipped roles read and write. A graph may have any other state; `initial_state` fills
in what it finds there (`problem` and `task`, or `messages`), and `solution_in` reads the end.
"""

from collections.abc import Mapping, Sequence
from operator import or_
from typing import Annotated, Any, TypedDict, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import JsonValue

from tutelage.agents.roles import CandidateState, Verdict
from tutelage.errors import UserError
from tutelage.types import Task

__all__ = ["LoopState", "candidates_in", "initial_state", "merge_candidates", "solution_in", "task_in"]


def merge_candidates(
    before: Sequence[CandidateState], after: Sequence[CandidateState]
) -> list[CandidateState]:
    """Add candidates; one with a known id replaces the known one, in its place."""
    merged = {each["id"]: each for each in before or ()}
    merged.update((each["id"], each) for each in after or ())
    return list(merged.values())


class LoopState(TypedDict, total=False):
    """What solver, reviewer, refiner, teacher and judge read and write."""

    problem: str
    """The text that the model sees."""
    task: dict[str, JsonValue]
    """The whole task; no shipped prompt but the teacher's shows more of it than the problem."""
    candidates: Annotated[list[CandidateState], merge_candidates]
    """Every solution so far, with its parents."""
    solution: str
    """The solution that the loop works on."""
    answer: str | None
    """Its answer, the key to vote by."""
    review: str
    """The latest review."""
    verdict: Verdict | None
    """The latest review's verdict; `None` before there is one."""
    step: int | None
    """The wrong step that the review names, counted from 1."""
    hint: str
    """The latest hint."""
    judgement: float | None
    """The latest judgement, 0 to 1."""
    round: int
    """How many refinements or hints there were."""
    lineage: Annotated[dict[str, str], or_]
    """Which recorded turn said which text (by the text's fingerprint)."""


def task_in(state: Mapping[str, Any]) -> Task:
    """The task of a state; one without an id where the state has only a problem."""
    if state.get("task"):
        return Task.model_validate(state["task"])
    return Task(id="", problem=state["problem"])


def initial_state(keys: Sequence[str], task: Task) -> dict[str, Any]:
    """What a graph starts a task with.

    Args:
        keys: the fields of the graph's input.
        task: the task.

    Raises:
        UserError: there is neither a `problem` nor a `messages` among the fields.
    """
    known = set(keys)
    state: dict[str, Any] = {}
    if "task" in known:
        state["task"] = task.model_dump(mode="json")
    if "problem" in known:
        state["problem"] = task.problem
    elif "messages" in known:
        state["messages"] = [HumanMessage(task.problem)]
    else:
        listed = ", ".join(sorted(known)) or "none"
        raise UserError(
            "the graph's input has neither a field 'problem' nor a field 'messages' for the task's text "
            f"(it has: {listed}); add one of them to its state, or use LoopState"
        )
    if known >= LoopState.__annotations__.keys():
        state.update(candidates=[], verdict=None, step=None, round=0, lineage={})
    return state


def solution_in(state: Mapping[str, Any]) -> str:
    """The solution of a final state: `solution`, else the last message of the model, else an empty text."""
    solution = state.get("solution")
    if isinstance(solution, str):
        return solution
    messages: Sequence[BaseMessage] = state.get("messages") or []
    return next((str(each.text) for each in reversed(messages) if isinstance(each, AIMessage)), "")


def candidates_in(state: Mapping[str, Any]) -> list[CandidateState]:
    """The candidates of a final state, those of other shapes left out."""
    found: Sequence[Any] = state.get("candidates") or []
    shape = CandidateState.__annotations__.keys()
    return [cast(CandidateState, each) for each in found if isinstance(each, dict) and shape <= each.keys()]
