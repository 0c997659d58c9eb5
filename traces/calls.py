"""A rollout's model calls on their way to the rows: `RecordedCall`, `Sample`, and what connects them.

Where a call names no parents, they are found: the newest assistant message of its prompt that an earlier turn
of the rollout said, in the same place of the same conversation; or, where the conversation was changed, by its
first tool call or its text, if one turn alone said that. Turns with an error said nothing. Token ids share their
beginning with the parents' sequences or with the latest of the rollout. Not covered: quotes inside other
messages; whoever writes such a prompt names the parents.
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
from tutelage.traces.writing import Node, Rows, names
from tutelage.types import Sampling

__all__ = ["Calls", "RecordedCall", "Sample"]

Packed = tuple[bytes | None, bytes | None, str | bytes | None, bytes | None]
Place = tuple[int | None, int]
"""Where a turn spoke, and what: the number of its prompt's last message and of its text's body."""


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

    def __init__(self, row: int, *, whole: bool = False) -> None:
        """Remember nothing yet of the rollout with this row number.

        Args:
            row: The rollout's.
            whole: All its calls come in one transaction, so that each is remembered at once.
        """
        self._row = row
        self._whole = whole
        self._places: dict[Place, str] = {}
        self._texts: dict[str, str | None] = {}
        self._tool_calls: dict[str, str] = {}
        self._earlier = Earlier()

    def add(self, rows: Rows, call: RecordedCall) -> list[str]:
        """Add a call's rows; give the turns' ids.

        Raises:
            UserError: A value cannot be recorded.
        """
        packed = [_packed(sample) for sample in call.completions]
        self._add(rows, call, packed, tuple(call.parents), 0)
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
        return self._add(rows, call, [_packed(sample)], turn.parents, turn.sample)

    def _parents(self, messages: Sequence[Message], path: Sequence[Node]) -> tuple[str, ...]:
        """Find the turn that said the newest assistant message which a turn of this rollout said."""
        if not self._texts and not self._tool_calls:
            return ()
        for message, (before, _, body) in zip(reversed(messages), reversed(path), strict=True):
            if message.get("role") != "assistant":
                continue
            content, calls = message.get("content"), message.get("tool_calls")
            found = self._places.get((before, body)) or (
                self._tool_calls.get(_first_id(calls)) if calls else None
            )
            if found is None and isinstance(content, str) and not calls:
                found = self._texts.get(content)
            if found is not None:
                return (found,)
        return ()

    def _add(
        self, rows: Rows, call: RecordedCall, packed: Sequence[Packed], parents: Sequence[str], first: int
    ) -> tuple[str, ...]:
        """Add a turn for every completion, numbered from `first`; give their parents."""
        ids = None if call.prompt_token_ids is None else id_bytes(call.prompt_token_ids)
        length = None if ids is None else len(ids) // WIDTH
        tools = None
        if call.tools or call.tool_choice is not None:
            tools = {"tools": list(call.tools), "tool_choice": call.tool_choice}
        speaker = rows.speaker(
            (call.role, call.node, call.model, call.policy, call.author), call.sampling, tools
        )
        prompt, path = rows.prompt(call.messages)
        parents = tuple(parents) or self._parents(call.messages, path)
        quoted = names(parents)
        read = None if ids is None else rows.read(ids, self._earlier, parents)
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
            place = (prompt, rows.text(sample.completion))
            whole = (written, ids + own) if ids is not None and own is not None else (read, ids)
            if call.error is not None:
                continue
            if self._whole:
                self.remember(sample, place, whole)
            else:
                rows.then(self.remember, sample, place, whole)
        return parents

    def follow(self, other: "Calls") -> None:
        """Remember what another rollout remembers, as said after one's own turns so far."""
        self._earlier.extend(other._earlier)
        self._places |= other._places
        self._tool_calls |= other._tool_calls
        for text, turn in other._texts.items():
            if self._texts.setdefault(text, turn) != turn:
                self._texts[text] = None

    def remember(self, sample: Sample, place: Place, whole: tuple[int | None, bytes | None]) -> None:
        """Remember what a turn said, where it spoke, and its last sequence with all ids up to its end."""
        number, ids = whole
        if number is not None and ids is not None:
            self._earlier.add(sample.id, number, ids)
        if sample.tool_calls:
            self._tool_calls[_first_id(sample.tool_calls)] = sample.id
        elif sample.completion:
            self._places[place] = sample.id
            known = self._texts.setdefault(sample.completion, sample.id)
            if known != sample.id:
                self._texts[sample.completion] = None


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


def _first_id(tool_calls: object) -> str:
    """The id of the first tool call; an empty text where there is none."""
    first = tool_calls[0] if isinstance(tool_calls, Sequence) and tool_calls else {}
    return str(first.get("id") or "") if isinstance(first, Mapping) else ""
