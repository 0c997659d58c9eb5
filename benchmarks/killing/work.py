"""Work worth interrupting: tasks, a deterministic engine, and graphs that branch, loop, retry and run in parallel.

What is said depends on the task, the repeat, the prompt and the sample only, never on the process, the clock or
the order. So an interrupted run that was continued must say exactly what an uninterrupted one says.
"""

import asyncio
import hashlib
import random
from collections.abc import Mapping, Sequence
from operator import add
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy, Send

from tutelage import Task
from tutelage.agents import Answer, CandidateState, ChatModel, Completion, Request, ScriptedEngine
from tutelage.errors import ServerError
from tutelage.graphs import self_refine
from tutelage.traces import current_recorder

__all__ = ["GRAPHS", "make_tasks", "said", "seeded"]

LATENCIES = (
    0.3,
    1.2,
    1.7,
    1.8,
    1.9,
    2.0,
    2.2,
    2.5,
    2.8,
    3.1,
    3.2,
    3.3,
    3.4,
    3.6,
    4.3,
    5.4,
    5.9,
    6.2,
    6.6,
    10.4,
)
"""Seconds of the model calls of a recorded run (vLLM, two cores), every twentieth of its distribution."""
SPEED = 80
"""How many times faster than recorded."""
FAILING = 8
"""Every eighth prompt fails when it is asked for the first time in a rollout."""
ROUNDS = 2
PATIENT = RetryPolicy(initial_interval=0.001, max_attempts=3, jitter=False, retry_on=ServerError)


class SeededEngine(ScriptedEngine):
    """Says what the seed of its question says, after a recorded latency; some questions fail at first."""

    def __init__(self, size: int) -> None:
        """Answer with up to `size` characters."""
        super().__init__(self._say, name="seeded")
        self._size = size
        self._refused: set[tuple[str, str]] = set()

    async def generate(self, request: Request) -> Answer:
        """Answer after a recorded latency.

        Raises:
            ServerError: this rollout asks one of the failing questions for the first time.
        """
        rollout, seed = asking(request.messages)
        await asyncio.sleep(LATENCIES[int(seed[:8], 16) % len(LATENCIES)] / SPEED)
        if int(seed[8:16], 16) % FAILING == 0 and (rollout, seed) not in self._refused:
            self._refused.add((rollout, seed))
            raise ServerError("the server is overloaded; ask again")
        return await super().generate(request)

    def _say(self, messages: Sequence[Mapping[str, Any]], sample: int) -> Completion:
        _, seed = asking(messages)
        text = said(f"{seed} {sample}", self._size)
        if "verdict:" in str(messages[-1]["content"]):
            text += "\nverdict: right" if int(seed[16:20], 16) % 3 == 0 else "\nverdict: wrong at step 1"
        else:
            text += f"\nanswer: {int(seed[20:24], 16) % 3}"
        return spoken(text)


def asking(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Which rollout asks here, and the seed of its question: hex digits from task, repeat and prompt."""
    recorder = current_recorder()
    assert recorder is not None
    rollout = recorder.rollout
    return rollout.id, digest(f"{rollout.task.id} {rollout.repeat} {[m['content'] for m in messages]}")


def digest(text: str) -> str:
    """Hex digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def said(seed: str, size: int) -> str:
    """Up to `size` characters that no other seed gives and that do not compress well."""
    chance = random.Random(seed)
    return chance.randbytes(chance.randint(1, max(1, size // 2))).hex()


def spoken(text: str) -> Completion:
    """A completion with the ids and log-probabilities of its first tokens' worth of characters."""
    ids = tuple(text.encode()[:2000])
    return Completion(text, "stop", ids, tuple(-value / 256 for value in ids))


def seeded(size: int = 400) -> ChatModel:
    """A chat model over a `SeededEngine`."""
    return ChatModel(engine=SeededEngine(size))


def make_tasks(count: int) -> list[Task]:
    """Tasks that need no generator to be known."""
    return [
        Task(id=f"t{at}", problem=f"What is {at} modulo 3?", reference=str(at % 3)) for at in range(count)
    ]


def latest(before: int, after: int) -> int:
    """The later of two rounds."""
    return max(before or 0, after)


class LoopState(TypedDict, total=False):
    """What the branching loop works on."""

    problem: str
    candidates: Annotated[list[CandidateState], add]
    notes: Annotated[list[tuple[int, int, str, str]], add]
    """Round, place in the round, the reviewer's turn and what it says."""
    solution: str
    round: Annotated[int, latest]


class LoopEnd(TypedDict, total=False):
    """What is left of it in the end."""

    candidates: list[CandidateState]
    solution: str
    round: int


class Branch(TypedDict):
    """What one parallel node is sent."""

    candidate: CandidateState
    place: int
    note: str
    turn: str


def branching_loop(model: ChatModel) -> StateGraph[Any, Any, Any, Any]:
    """Three drafts of one call, reviewed in parallel, refined in parallel while no review is content."""

    async def draft(state: LoopState) -> dict[str, Any]:
        messages = await model.sample(f"Solve: {state['problem']}", n=3, role="solver")
        return {"candidates": [drafted(each, [], 0) for each in messages], "round": 0}

    async def review(branch: Branch) -> dict[str, Any]:
        before = branch["candidate"]
        prompt = f"Check and end on 'verdict:'. {before['text'][:200]}"
        (said,) = await model.sample(prompt, role="reviewer", parents=parents(before))
        turn = said.response_metadata["turn_id"]
        return {"notes": [(before["round"], branch["place"], turn, said.text[-200:])]}

    async def refine(branch: Branch) -> dict[str, Any]:
        before = branch["candidate"]
        prompt = f"Mend {before['text'][:200]} by {branch['note']}"
        messages = await model.sample(prompt, n=2, role="refiner", parents=(*parents(before), branch["turn"]))
        made = [drafted(each, [before["id"]], before["round"] + 1) for each in messages]
        return {"candidates": made[:1], "round": before["round"] + 1}

    async def choose(state: LoopState) -> dict[str, Any]:
        if digest(state["problem"])[0] == "0":
            raise ArithmeticError("this task fails for good")
        return {"solution": newest(state)[0]["text"]}

    async def gate(state: LoopState) -> list[Send] | str:
        notes = sorted(note for note in state["notes"] if note[0] == state["round"])
        if state["round"] >= ROUNDS or any("verdict: right" in note[3] for note in notes):
            return "choose"
        branches = zip(newest(state), notes, strict=True)
        return [Send("refine", Branch(candidate=c, place=n[1], note=n[3], turn=n[2])) for c, n in branches]

    async def fan(state: LoopState) -> list[Send]:
        return [
            Send("review", Branch(candidate=each, place=place, note="", turn=""))
            for place, each in enumerate(newest(state))
        ]

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(LoopState, output_schema=LoopEnd)
    graph.add_node("draft", draft, retry_policy=PATIENT)
    parallel: dict[str, Any] = {"review": review, "refine": refine}
    for name, node in parallel.items():
        graph.add_node(name, node, retry_policy=PATIENT, input_schema=Branch)
    graph.add_node("judge", passing)
    graph.add_node("choose", choose)
    graph.add_edge(START, "draft")
    graph.add_conditional_edges("draft", fan, ["review"])
    graph.add_edge("review", "judge")
    graph.add_conditional_edges("judge", gate, ["refine", "choose"])
    graph.add_conditional_edges("refine", fan, ["review"])
    graph.add_edge("choose", END)
    return graph


async def passing(state: LoopState) -> dict[str, Any]:
    """Wait for all parallel branches and change nothing."""
    return {}


def newest(state: LoopState) -> list[CandidateState]:
    """The candidates of the latest round."""
    return [each for each in state["candidates"] if each["round"] == state["round"]]


def drafted(message: Any, made_from: list[str], round: int) -> CandidateState:
    """A candidate from what a model said."""
    return CandidateState(
        id=uuid4().hex,
        text=message.text,
        answer=None,
        parents=made_from,
        round=round,
        turn_id=message.response_metadata["turn_id"],
        scorer=None,
        orm=None,
        prm=None,
    )


def parents(candidate: CandidateState) -> tuple[str, ...]:
    """The turn that wrote a candidate."""
    return (candidate["turn_id"],) if candidate["turn_id"] else ()


def patient_refine(model: ChatModel) -> StateGraph[Any, Any, Any, Any]:
    """The shipped Self-Refine, each node tried again where the server is overloaded."""
    graph = self_refine(model, ROUNDS)
    for spec in graph.nodes.values():
        spec.retry_policy = PATIENT
    return graph


GRAPHS = {"branching": branching_loop, "self_refine": patient_refine}
"""The graphs by name, so that a child process can be told which."""
