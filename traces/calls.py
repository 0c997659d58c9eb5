"""A rollout's model calls on their way to the rows: `RecordedCall`, `Sample`, and what connects them.

Where a call names no parents, they are found: the newest assistant message of its prompt that an earlier
turn of the rollout said (its text, and its first tool call where it has any). Token ids share their beginning
with the latest sequences of the rollout. Not covered: quotes inside other messages; whoever writes such a
prompt names the parents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.traces.arrays import WIDTH, id_bytes, logprob_bytes
from tutelage.traces.blobs import json_bytes, json_text, text_value
from tutelage.traces.earlier import Earlier
from tutelage.traces.ids import new_id
from tutelage.traces.record import Message, Turn
from tutelage.traces.writing import Rows, names
from tutelage.types import Sampling

__all__ = ["Calls", "RecordedCall", "Sample"]

Packed = tuple[bytes | None, bytes | None, str | bytes | None, bytes | None]
Said = tuple[str, str]
"""What identifies a turn in a later prompt: its text, and the id of its first tool call."""


@dataclass(slots=True)
class Sample:
    """One completion of a call; the fields are those of `Turn`."""

    completion: str
    finish_reason: str | None = None
    token_ids: Sequence[int] | None = None
    logprobs: Sequence[float] | None = None
    tool_calls: Sequence[Mapping[str, JsonValue]] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    id: str = field(default_factory=new_id)


@dataclass(slots=True)
class RecordedCall:
    """A model call; the fields are those of `Turn`."""

    role: str
    messages: Sequence[Message]
    sampling: Sampling
    model: str
    policy: str
    started: float
    seconds: float
    completions: Sequence[Sample]
    samples: int = 1
    """How many completions were asked for."""
    node: str | None = None
    parents: Sequence[str] = ()
    tools: Sequence[Mapping[str, JsonValue]] = ()
    tool_choice: JsonValue | Mapping[str, Any] = None
    prompt_token_ids: Sequence[int] | None = None
    error: str | None = None
    author: str | None = None
    number: int | None = None
    """`Turn.call`; `None` for the next one."""


class Calls:
    """What a rollout remembers of its turns while it runs."""

    def __init__(self, row: int) -> None:
        """Remember nothing yet of the rollout with this row number."""
        self._row = row
        self._said: dict[Said, str] = {}
        self._earlier = Earlier()

    def add(self, rows: Rows, call: RecordedCall) -> list[str]:
        """Add a call's rows; give the turns' ids.

        Raises:
            UserError: A value cannot be recorded; nothing was added that counts.
        """
        packed = [_packed(sample) for sample in call.completions]
        self._add(rows, call, packed, tuple(call.parents) or self.parents(call.messages), 0)
        return [sample.id for sample in call.completions]

    def add_turn(self, rows: Rows, turn: Turn) -> tuple[str, ...]:
        """Add a single turn under its own id and number; give its parents."""
        sample = Sample(
            completion=turn.completion,
            finish_reason=turn.finish_reason,
            token_ids=turn.completion_token_ids,
            logprobs=turn.logprobs,
            tool_calls=turn.tool_calls,
            metadata=turn.metadata,
            id=turn.id,
        )
        call = call_of(turn, sample)
        parents = turn.parents or self.parents(turn.messages)
        self._add(rows, call, [_packed(sample)], parents, turn.sample)
        return parents

    def parents(self, messages: Sequence[Message]) -> tuple[str, ...]:
        """Find the turn that said the newest assistant message which a turn of this rollout said."""
        if not self._said:
            return ()
        for message in reversed(messages):
            if message.get("role") == "assistant":
                found = self._said.get(_said(message.get("content"), message.get("tool_calls")))
                if found is not None:
                    return (found,)
        return ()

    def _add(
        self, rows: Rows, call: RecordedCall, packed: Sequence[Packed], parents: Sequence[str], first: int
    ) -> None:
        """Add a turn for every completion, numbered from `first`."""
        ids = None if call.prompt_token_ids is None else id_bytes(call.prompt_token_ids)
        length = None if ids is None else len(ids) // WIDTH
        tools = None
        if call.tools or call.tool_choice is not None:
            tools = {"tools": list(call.tools), "tool_choice": call.tool_choice}
        speaker = rows.speaker(
            (call.role, call.node, call.model, call.policy, call.author), call.sampling, tools
        )
        quoted, prompt = names(parents), rows.prompt(call.messages)
        read = None if ids is None else rows.read(ids, self._earlier)
        samples, error = max(call.samples, first + len(packed)), text_value(call.error)
        for sample, (own, logprobs, metadata, tool_calls) in zip(call.completions, packed, strict=True):
            written = rows.written(own, logprobs, read, length or 0)
            rows.turn(
                sample.id,
                self._row,
                speaker,
                quoted,
                call.number,
                samples,
                first,
                prompt,
                rows.text(sample.completion),
                None if tool_calls is None else rows.body(tool_calls),
                text_value(sample.finish_reason),
                read,
                length,
                written,
                None if own is None else len(own) // WIDTH,
                call.started,
                call.seconds,
                error,
                metadata,
            )
            first += 1
            whole = None if ids is None or own is None else ids + own
            rows.then(self._remember, sample, written if whole else read, whole or ids)

    def _remember(self, sample: Sample, number: int | None, whole: bytes | None) -> None:
        self._said[_said(sample.completion, sample.tool_calls)] = sample.id
        if number is not None and whole is not None:
            self._earlier.add(number, whole)


def call_of(turn: Turn, sample: Sample) -> RecordedCall:
    """The call of a single turn."""
    return RecordedCall(
        role=turn.role,
        messages=turn.messages,
        sampling=turn.sampling,
        model=turn.model,
        policy=turn.policy,
        started=turn.started,
        seconds=turn.seconds,
        completions=(sample,),
        samples=turn.samples,
        node=turn.node,
        parents=turn.parents,
        tools=turn.tools,
        tool_choice=turn.tool_choice,
        prompt_token_ids=turn.prompt_token_ids,
        error=turn.error,
        author=turn.author,
        number=turn.call,
    )


def _packed(sample: Sample) -> Packed:
    """A completion's token ids, log-probabilities, metadata and tool calls as they are kept.

    Raises:
        UserError: They are not numbers, not one a token, or no plain data.
    """
    ids, logprobs = sample.token_ids, sample.logprobs
    if ids is not None and logprobs is not None and len(ids) != len(logprobs):
        raise UserError(
            f"a Turn cannot be recorded: {len(logprobs)} log-probabilities for {len(ids)} completion tokens"
        )
    return (
        None if ids is None else id_bytes(ids),
        None if logprobs is None else logprob_bytes(logprobs),
        text_value(json_text(sample.metadata, "a turn's metadata")) if sample.metadata else None,
        json_bytes(list(sample.tool_calls), "a turn's tool calls") if sample.tool_calls else None,
    )


def _said(content: object, tool_calls: object) -> Said:
    first = tool_calls[0] if isinstance(tool_calls, Sequence) and tool_calls else {}
    return content if isinstance(content, str) else "", str(first.get("id", ""))
