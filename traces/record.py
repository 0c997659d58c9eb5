"""The records of a run: `Turn`, `Candidate`, `ScoreRow`, `Rollout`, `TokenCount`.

All are frozen pydantic models that refuse unknown keys. What is not known is `None`, never a zero or an empty
string. Text is any Python string, lone surrogates and NUL included. Not covered: where they are kept
(`tutelage.traces.store`) and who made them (`tutelage.traces.recorder`).
"""

from array import array
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, JsonValue, field_validator, model_validator

from tutelage.types import Data, Sampling, Score, Task

__all__ = [
    "CORRECTION",
    "Candidate",
    "Message",
    "Rollout",
    "ScoreRow",
    "Status",
    "Subject",
    "TokenCount",
    "Turn",
]

Message: TypeAlias = Mapping[str, JsonValue]
"""One message of a prompt in the chat format: `role`, `content` and whatever else the engine was given."""

Status: TypeAlias = Literal["running", "done", "failed", "abandoned"]
"""`failed` is final; `abandoned` means that the rollout does not count and its task is run anew."""

Subject: TypeAlias = Literal["rollout", "candidate", "turn"]
"""What a score judges."""

CORRECTION = "a correction by hand, which is no rollout of the graph"
"""The error of an abandoned rollout that was never one of a graph: it holds what was written instead of a turn."""

TokenId: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)]
Count: TypeAlias = Annotated[int, Field(ge=0)]


class Turn(Data):
    """One sampled answer of one model call, with everything needed to train on it."""

    id: str
    rollout_id: str
    role: str
    """Who spoke: "solver", "reviewer", …"""
    node: str | None = None
    """The node of the graph that asked."""
    parents: tuple[str, ...] = ()
    """Ids of the turns that this one builds on."""
    call: Count
    """The model call's number within the rollout, from 0; the samples of one call share it."""
    sample: Count = 0
    """Which of the call's n samples this is, from 0."""
    samples: Annotated[int, Field(ge=1)] = 1
    """How many completions the call asked for."""
    messages: tuple[Message, ...]
    """The prompt, as it was given to the engine."""
    tools: tuple[Mapping[str, JsonValue], ...] = ()
    """The tools that were offered, in OpenAI's shape."""
    tool_choice: JsonValue = None
    """Which of them had to be called, as OpenAI says it; `None` where nothing was said."""
    completion: str
    tool_calls: tuple[Mapping[str, JsonValue], ...] = ()
    """Calls in OpenAI's shape, arguments as the JSON text that the model wrote."""
    author: str | None = None
    """Who wrote the completion where no model sampled it: "person", "import", …; `None` for the policy."""
    finish_reason: str | None = None
    prompt_token_ids: tuple[TokenId, ...] | None = None
    completion_token_ids: tuple[TokenId, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    """Log-probability (nats) of every completion token under the policy that sampled it, in float32."""
    sampling: Sampling
    model: str
    """The engine's name, for example "vllm:DIR"."""
    policy: str
    """Which weights spoke: a hash of their content, or what a server calls its model."""
    started: float
    """Unix time in seconds."""
    seconds: float
    """How long the call took; the samples of one call share it."""
    error: str | None = None
    """Why there is no proper completion."""
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)

    @field_validator("logprobs")
    @classmethod
    def _as_stored(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if value is None else tuple(array("f", value))

    @model_validator(mode="after")
    def _one_logprob_a_token(self) -> Self:
        ids, logprobs = self.completion_token_ids, self.logprobs
        if ids is not None and logprobs is not None and len(ids) != len(logprobs):
            raise ValueError(f"{len(logprobs)} log-probabilities for {len(ids)} completion tokens")
        return self


class Candidate(Data):
    """A solution that a rollout considered, with the candidates it was made from."""

    id: str
    rollout_id: str
    text: str
    answer: str | None = None
    """The verifier's canonical key of its answer; `None` where it has none."""
    parents: tuple[str, ...] = ()
    """Ids of the candidates that it was refined or chosen from."""
    turn_id: str | None = None
    """The turn that wrote it; `None` where no model did."""
    round: Count = 0
    """0 for first attempts, one more for each refinement."""


class ScoreRow(Data):
    """A score and what it judges."""

    rollout_id: str
    subject: Subject
    subject_id: str
    score: Score
    given: float | None = None
    """Unix time in seconds; `None` where it was not recorded."""


class Rollout(Data):
    """One run of a graph on a task."""

    id: str
    run_id: str
    """The run that recorded it: after a merge, the shard."""
    task: Task
    repeat: Count
    """Which of the task's rollouts this is, from 0."""
    status: Status
    error: str | None = None
    """Why it failed or was abandoned."""
    answer: str | None = None
    """The final answer; `None` where there is none."""
    started: float
    """Unix time in seconds."""
    ended: float | None = None
    output: JsonValue = None
    """The graph's final state, plain data."""


class TokenCount(Data):
    """What one role read and wrote."""

    prompt: int
    """Prompt tokens; a prompt sampled n times in one call counts once."""
    completion: int
    turns: int
    unknown: int
    """Turns without the token ids of the prompt or of the completion; what is unknown is not in the sums."""
