"""One critique of one solution: a critic reviews what an actor did, and the actor rewrites it once.

The two-player loop of Critique-RL (Xi et al. 2025, arXiv 2510.24320). As there, the actor refines whatever the
verdict is, so that a false alarm and an error that was passed over both have an effect; `refine="wrong"` is the loop
as one would use it. The critic's model is apart from the actor's: on an engine of its own it can be trained while the
actor stays as it is. Attempts may be on record already (`recorded=True`): then all critiques of a task are about the
same solution. Not covered: several rounds (`self_refine`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from tutelage.agents import ChatModel, Completion, Refiner, Reviewer, Solver, scripted
from tutelage.errors import UserError
from tutelage.graphs.self_refine import WhileWrong
from tutelage.graphs.state import LoopState, task_in
from tutelage.tools import Verifier
from tutelage.types import Sampling, Task

__all__ = ["ATTEMPT", "Recorded", "attempt_of", "critique"]

ATTEMPT = "attempt"
"""The key of a task's metadata that holds a recorded attempt, and the role that it speaks in."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The node that gives a task's recorded attempt in the place of a solver; its turn says so, and is never trained."""

    verifier: Verifier | None = None

    async def __call__(self, state: LoopState) -> dict[str, Any]:
        """Write what a solver writes."""
        said = Completion(
            text=attempt_of(task_in(state)), finish_reason="stop", token_ids=None, logprobs=None
        )
        speaker = Solver(scripted([said], name="recorded"), verifier=self.verifier, name=ATTEMPT)
        return await speaker(state)


def attempt_of(task: Task) -> str:
    """The recorded attempt of a task.

    Raises:
        UserError: it has none.
    """
    found = task.metadata.get(ATTEMPT)
    if not isinstance(found, str):
        raise UserError(
            f"task {task.id!r} has no recorded attempt; give its metadata an {ATTEMPT!r}, "
            "or let the solver make one (recorded=False)"
        )
    return found


def critique(
    actor: ChatModel,
    critic: ChatModel,
    *,
    recorded: bool = False,
    refine: Literal["always", "wrong", "never"] = "always",
    verifier: Verifier | None = None,
    sampling: Mapping[str, Sampling] | None = None,
) -> StateGraph[LoopState]:
    """Solve, review, and refine once.

    Args:
        actor: the chat model of solver and refiner.
        critic: the chat model of the reviewer.
        recorded: take the attempt that a task's metadata holds under `attempt`; the solver is then not asked.
        refine: whatever the verdict is, as Critique-RL trains; where it is "wrong"; or not at all.
        verifier: reads the answer; `None` for the last line that states one.
        sampling: by role; of roles that are not named the model's own.

    Raises:
        UserError: `refine` is something else, or `sampling` names another role.
    """
    if refine not in ("always", "wrong", "never"):
        raise UserError(f"refine={refine!r} of critique: say 'always', 'wrong' or 'never'")
    own = dict(sampling or {})
    if unknown := own.keys() - {"solver", "reviewer", "refiner"}:
        raise UserError(f"sampling= of critique names {min(unknown)!r}: solver, reviewer and refiner speak")
    graph = StateGraph(LoopState)
    solver = Solver(actor, verifier=verifier, sampling=own.get("solver"))
    graph.add_node("solver", Recorded(verifier) if recorded else solver)
    graph.add_node("reviewer", Reviewer(critic, sampling=own.get("reviewer")))
    graph.add_edge(START, "solver")
    graph.add_edge("solver", "reviewer")
    if refine == "never":
        graph.add_edge("reviewer", END)
        return graph
    graph.add_node("refiner", Refiner(actor, verifier=verifier, sampling=own.get("refiner")))
    if refine == "always":
        graph.add_edge("reviewer", "refiner")
    else:
        graph.add_conditional_edges("reviewer", WhileWrong(1, "refiner"), ["refiner", END])
    graph.add_edge("refiner", END)
    return graph
