"""What the importer reads of an episode of verifiers, checked: the fields that mean something to the record.

Everything else is let through as it is. Source: verifiers/v1/{episode,trace,graph,types}.py.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tutelage.traces.importing.lines import Line

__all__ = ["Agent", "Call", "Episode", "Failure", "Node", "Reward", "TaskBody", "TraceBody", "read_episode"]

TokenId = Annotated[int, Field(ge=0, lt=2**31)]


class Part(BaseModel):
    """Some fields of an object; others are let through."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class ToolCall(Part):
    """A call as verifiers writes it: flat."""

    id: str
    name: str
    arguments: str


class Message(Part):
    """A message of any role."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[ToolCall] | None = None


class Node(Part):
    """A message in the graph, with the tokens that it adds."""

    parent: Annotated[int, Field(ge=0)] | None = None
    message: Message
    sampled: bool = False
    timestamp: float | None = None
    token_ids: list[TokenId] = Field(default_factory=list)
    mask: list[bool] = Field(default_factory=list)
    logprobs: list[float] = Field(default_factory=list)
    tools: list[dict[str, Any]] = Field(default_factory=list)


class Span(Part):
    """Unix times in seconds; 0 where unknown."""

    start: float = 0.0
    end: float = 0.0


class Failure(Part):
    """An error that was caught."""

    type: str = "Error"
    message: str = ""


class Call(Part):
    """A model call; `node` is the message that it made, `None` where it failed."""

    node: int | None = None
    model: str | None = None
    sampling: dict[str, Any] | None = None
    finish_reason: str | None = None
    time: Span = Field(default_factory=Span)
    error: Failure | None = None


class Agent(Part):
    """Who spoke."""

    name: str = "agent"
    trainable: bool | None = None
    config: dict[str, Any] = Field(default_factory=dict)


class Reward(Part):
    """A weighted reward."""

    score: float | None = None
    weight: float = 1.0


class TaskBody(Part):
    """The task with the fields of its row."""

    type: str | None = None
    data: dict[str, Any]
    key: str | None = None
    hash: str | None = None


class TraceBody(Part):
    """All that one agent said."""

    version: int = 1
    id: str | None = None
    agent: Agent = Field(default_factory=Agent)
    tools: list[dict[str, Any]] = Field(default_factory=list)
    nodes: list[Node] = Field(default_factory=list)
    calls: list[Call] = Field(default_factory=list)
    rewards: dict[str, Reward | None] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(default_factory=dict)
    ok: bool | None = None
    errors: list[Failure] = Field(default_factory=list)


class Episode(Part):
    """One rollout with the traces of its agents."""

    task: TaskBody
    ok: bool | None = None
    errors: list[Failure] = Field(default_factory=list)
    traces: list[TraceBody]


def read_episode(line: Line, data: dict[str, Any]) -> Episode:
    """Check an episode.

    Raises:
        UserError: A field is missing or of another type, or a message hangs on none that comes before it.
    """
    try:
        episode = Episode.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise line.error(f"no episode of verifiers: {place}: {first['msg'].lower()}") from error
    for number, trace in enumerate(episode.traces):
        for at, node in enumerate(trace.nodes):
            if node.parent is not None and node.parent >= at:
                raise line.error(
                    f"no episode of verifiers: traces.{number}.nodes.{at}.parent: {node.parent} is no earlier node"
                )
    return episode
