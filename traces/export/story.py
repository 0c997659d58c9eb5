"""What was recorded of one task, as light rows: `Story` and its parts.

The same nouns as `tutelage.traces.record`, without validation and with token ids, log-probabilities and masks
as packed bytes, so that a run of any size streams through an export. Not covered: how they are read
(`tutelage.traces.export.reading`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pydantic import JsonValue

from tutelage.errors import StoreError
from tutelage.traces.blobs import content_of
from tutelage.traces.record import Message
from tutelage.types import Task

__all__ = ["CandidateView", "RolloutView", "ScoreView", "Scored", "Speaker", "Story", "TurnView"]


class Speaker(NamedTuple):
    """Who spoke, and with what in hand."""

    role: str
    node: str | None
    model: str
    policy: str
    author: str | None
    tools: Sequence[Mapping[str, JsonValue]]


class RolloutView(NamedTuple):
    """One run of a graph on the story's task."""

    id: str
    run_id: str
    repeat: int
    status: str


class TurnView(NamedTuple):
    """One sampled answer; the fields are those of `Turn`."""

    id: str
    rollout: RolloutView
    speaker: Speaker
    parents: Sequence[str]
    call: int
    sample: int
    prompt: tuple[Message, ...]
    completion: str
    tool_calls: Sequence[Mapping[str, JsonValue]]
    finish_reason: str | None
    error: str | None
    prompt_ids: bytes | None
    """int32, little endian; `None` where they are not known or not asked for."""
    completion_ids: bytes | None
    logprobs: bytes | None
    """float32, little endian, one a completion token."""

    @property
    def message(self) -> Message:
        """What was said, as a message."""
        if self.tool_calls:
            calls: list[JsonValue] = [dict(call) for call in self.tool_calls]
            return {"role": "assistant", "content": self.completion, "tool_calls": calls}
        return {"role": "assistant", "content": self.completion}


class CandidateView(NamedTuple):
    """A solution under consideration; the fields are those of `Candidate`."""

    id: str
    text: str
    parents: Sequence[str]
    turn_id: str | None
    round: int


class ScoreView(NamedTuple):
    """A score; the fields are those of `Score`, with `None` for a value that is not a number."""

    name: str
    value: float | None
    passed: bool | None
    steps: Sequence[float] | None = None
    feedback: str | None = None


class Scored:
    """The scores of one rollout, candidate or turn; subjects that are scored alike share one."""

    __slots__ = ("of_candidate", "of_rollout", "of_turn", "views")

    def __init__(self, views: Mapping[str, ScoreView]) -> None:
        """Take scores by name."""
        self.views = views
        """By name; of one name the latest."""
        told = [
            json.dumps({"name": view.name, "value": view.value, "passed": view.passed}, ensure_ascii=False)[
                1:
            ]
            for view in views.values()
        ]
        self.of_turn, self.of_candidate, self.of_rollout = (
            ", ".join(f'{{"of": "{subject}", {each}' for each in told)
            for subject in ("turn", "candidate", "rollout")
        )

    def get(self, name: str | None) -> ScoreView | None:
        """Give the score of this name."""
        return self.views.get(name) if name is not None else None


UNSCORED = Scored({})


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that counts of one task, in the order in which it was recorded."""

    number: int
    """The task's number in the run, from 1."""
    task_id: str
    described: bytes
    """The task as it is recorded, JSON."""
    rollouts: Sequence[RolloutView]
    turns: Sequence[TurnView]
    known: Mapping[str, TurnView]
    """Turns by id; may hold those of other tasks, and those of rollouts that do not count where others go on from
    them."""
    candidates: Mapping[str, CandidateView]
    """Candidates by id, where they are asked for; may hold those of other tasks."""
    written: Mapping[str, str]
    """The id of the candidate that a turn wrote, by the turn's id."""
    scores: Mapping[str, Scored]
    """The id of a rollout, candidate or turn to its scores; may hold those of other tasks."""

    @property
    def task(self) -> Task:
        """The task, understood when it is asked for.

        Raises:
            StoreError: It cannot be understood.
        """
        return _task(self.described)

    def score(self, subject: str, name: str | None) -> ScoreView | None:
        """Give the score of this name that a rollout, candidate or turn has."""
        return self.scores.get(subject, UNSCORED).get(name)

    def parents(self, turn: TurnView) -> list[TurnView]:
        """The turns that a turn builds on, as far as they are known."""
        return [self.known[name] for name in turn.parents if name in self.known]

    def ancestors(self, turn: TurnView) -> list[TurnView]:
        """All turns that a turn builds on, the nearest first, each once."""
        found: dict[str, TurnView] = {}
        level = self.parents(turn)
        while level:
            fresh = {parent.id: parent for parent in level if parent.id not in found and parent.id != turn.id}
            found |= fresh
            level = [next for parent in fresh.values() for next in self.parents(parent)]
        return list(found.values())

    def root(self, turn: TurnView) -> TurnView:
        """The turn with which a turn's branch begins: parent of parent, always the first one named."""
        seen = {turn.id}
        while (parents := self.parents(turn)) and parents[0].id not in seen:
            turn = parents[0]
            seen.add(turn.id)
        return turn


@lru_cache(maxsize=16)
def _task(described: bytes) -> Task:
    try:
        return Task.model_validate(content_of(described))
    except ValueError as error:
        raise StoreError(f"a task is recorded that cannot be understood: {error}") from error
