"""What an importer makes of a line, before anything is written: rollouts with their turns, candidates, scores.

Everything a line says is understood before its first row is written, so a bad line leaves nothing behind.
Rows refer to each other by position, since ids are given when they are recorded. Not covered: how they are
recorded (`tutelage.traces.importing.record_file`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from tutelage.traces.record import Message
from tutelage.types import Sampling, Score, Task

__all__ = ["AUTHOR", "UNKNOWN", "ImportedCandidate", "ImportedRollout", "ImportedScore", "ImportedTurn"]

AUTHOR = "import"
"""The author of a turn whose file does not say that a model sampled it."""

UNKNOWN = "unknown"
"""The model and policy of a turn whose file names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTurn:
    """A turn to be recorded; the fields are those of `Turn`."""

    messages: tuple[Message, ...]
    completion: str
    role: str = "assistant"
    parents: tuple[int, ...] = ()
    """Positions among the rollout's turns."""
    author: str | None = AUTHOR
    model: str = UNKNOWN
    policy: str = UNKNOWN
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    sampling: Sampling = field(default_factory=lambda: Sampling(logprobs=False))
    """What the file says of it; where it says nothing, the defaults, which then mean nothing."""
    finish_reason: str | None = None
    prompt_token_ids: tuple[int, ...] | None = None
    completion_token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    started: float | None = None
    """`None` where the file does not say; it is then recorded as of now."""
    seconds: float = 0.0
    error: str | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCandidate:
    """A candidate to be recorded."""

    text: str
    answer: str | None = None
    turn: int | None = None
    """Position of the turn that wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScore:
    """A score to be recorded: of the turn or the candidate at a position, else of the rollout."""

    score: Score
    turn: int | None = None
    candidate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRollout:
    """A rollout to be recorded; which repeat of its task it is follows from the file's order."""

    task: Task
    turns: tuple[ImportedTurn, ...] = ()
    candidates: tuple[ImportedCandidate, ...] = ()
    scores: tuple[ImportedScore, ...] = ()
    answer: str | None = None
    output: JsonValue = None
    error: str | None = None
    """Why it failed, as the file says; `None` for one that is done."""
