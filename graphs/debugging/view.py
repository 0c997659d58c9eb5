"""What a debugging session shows: visits, stops, branches, breakpoints and changes, as plain data.

All are frozen and refuse unknown keys; `model_dump(mode="json")` gives what faces and files take. Not covered: what
is worked out from the record (`prompts`, `tokens`, `costs`, `differences`).
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import JsonValue

from tutelage.types import Data

__all__ = [
    "Branch",
    "BranchKind",
    "Breakpoint",
    "Change",
    "Frame",
    "PendingPrompt",
    "Place",
    "Route",
    "SessionStatus",
    "Stop",
    "Visit",
    "When",
]

SessionStatus: TypeAlias = Literal["stopped", "running", "done", "failed"]
When: TypeAlias = Literal["before", "prompt", "after", "error", "asks", "diverged"]
"""Where a stop holds: before a node, at a model call inside it, after it, at its error, at a question it asks, or
where a replay left its record."""
Place: TypeAlias = Literal["before", "prompt", "after"]
"""Where a breakpoint looks."""
BranchKind: TypeAlias = Literal["main", "fork", "sample"]


class Visit(Data):
    """One execution of a node."""

    number: int
    """From 1, in the order in which the visits of this branch's path began."""
    key: str
    """What names it on every branch that shares it."""
    node: str
    within: tuple[str, ...] = ()
    """The nodes of the subgraphs around it, outermost first."""
    step: int
    """LangGraph's super-step, from 1, in its own graph."""
    branch: str
    """The branch on which it ran; an earlier one for what a fork shares with its parent."""
    started: float
    """Unix time in seconds."""
    seconds: float | None = None
    status: Literal["running", "held", "done", "failed"]
    error: str | None = None
    turns: tuple[str, ...] = ()
    """Ids of the turns of its model calls, those of inner nodes left out."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    changed: tuple[str, ...] = ()
    """Fields of the state that it wrote with another value than before."""
    edited: bool = False
    """Whether a person changed what it read, asked or returned."""
    parent: int | None = None
    """The number of the visit whose subgraph it belongs to."""


class PendingPrompt(Data):
    """A model call that waits to be sent."""

    role: str
    node: str | None
    messages: tuple[Mapping[str, JsonValue], ...]
    sampling: Mapping[str, JsonValue]
    tools: tuple[Mapping[str, JsonValue], ...] = ()
    samples: int = 1
    text: str | None = None
    """The rendered prompt with the chat template's marks; `None` where the engine does not say."""
    token_ids: tuple[int, ...] | None = None


class Stop(Data):
    """Where a session is held, and why."""

    when: When
    visit: Visit
    why: str
    """For people: "step", "pause", "breakpoint 2: verdict == 'wrong'"."""
    breakpoint: int | None = None
    question: JsonValue = None
    """What the node asks a person; at "asks"."""
    request: PendingPrompt | None = None
    """What is about to be sent; at "prompt" and at "diverged"."""
    error: str | None = None
    """At "error" the error, at "diverged" what differs from the record."""


class Branch(Data):
    """One line of a session: a rollout of its own from where it left its parent."""

    name: str
    rollout_id: str
    parent: str | None = None
    at: int | None = None
    """The number of the visit before or after which it left its parent."""
    kind: BranchKind
    group: str | None = None
    """Which resampling made it."""
    status: SessionStatus
    answer: str | None = None
    passed: bool | None = None
    value: float | None = None
    """The verifier's score of its end; `None` before there is one."""
    edits: int = 0
    """How often a person changed something on it."""
    created: float
    """Unix time in seconds."""
    dropped: bool = False


class Breakpoint(Data):
    """Where to stop; what is not given does not matter, what is given must all hold."""

    number: int
    node: str | None = None
    at: Place = "before"
    role: str | None = None
    """A model call of this role."""
    verdict: str | None = None
    """The state's verdict, after a node that wrote it."""
    score: str | None = None
    """A comparison with the latest score, such as "< 0.5"."""
    error: bool = False
    tokens: int | None = None
    """Once the branch has read and written more tokens than this."""
    when: str | None = None
    """A condition over the state's fields, as text."""
    temporary: bool = False
    enabled: bool = True
    hits: int = 0
    ignore: int = 0
    """How many further hits to let pass."""
    commands: tuple[str, ...] = ()
    """Lines for the console to execute at each hit."""


class Change(Data):
    """A field of the state before and after; `None` also where it was not set."""

    field: str
    before: JsonValue = None
    after: JsonValue = None


class Frame(Data):
    """A graph on the way to a stop: the outermost, or the subgraph of a visit."""

    visit: int | None = None
    """The visit whose subgraph this is; `None` for the outermost graph."""
    node: str = ""
    within: tuple[str, ...] = ()


class Route(Data):
    """Why the graph went on as it did after a visit."""

    visit: int
    targets: tuple[str, ...]
    """Where it went; "__end__" for the end."""
    routers: tuple[str, ...] = ()
    """Names of the functions that decided; none where plain edges lead on."""
    read: Mapping[str, JsonValue] = {}
    """The fields that they read, with their values."""
    source: str | None = None
    """The functions' source code, where it is at hand."""
