"""Recorded calls as a replay needs them: what each was asked, and what it answered.

Two requests are equal where their messages, sampling settings, number of samples, tools and tool choice are.
`Key` compares in one dictionary lookup. Text that matches `ignore` is left out of messages before they are
compared. Not covered: which of several equal calls is meant, and when its turn is
(`tutelage.agents.engines.replay_place`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tutelage import errors
from tutelage.agents.engine import Answer, Completion, Piece, Request
from tutelage.errors import TutelageError
from tutelage.traces import RecordedCall, Sample

__all__ = ["Key", "ReplayCall", "key_of", "replay_calls"]

Key = tuple[Any, ...]
"""Messages, sampling, number of samples, tools, tool choice; hashable."""

Ids = tuple[int, ...] | None
Logprobs = tuple[float, ...] | None
ToolChoice = str | Mapping[str, Any] | None

PLAIN = frozenset({"role", "content"})
LEFT = "the reader left before the end"
"""What the chat model records where a stream was not read to its end."""
GIVEN_UP = "CancelledError"
"""The kind of error that it records where the caller did not wait for the answer: a timeout, a lost race."""


@dataclass(frozen=True, slots=True)
class ReplayCall:
    """One model call of a recorded rollout."""

    key: Key
    request: Request
    said: RecordedCall
    ended: float
    """Unix time in seconds."""

    @property
    def number(self) -> int:
        """From 0, in the order in which the calls ended."""
        return self.said.number or 0

    @property
    def error(self) -> str | None:
        """Why the call failed, where it did."""
        return self.said.error

    @property
    def left(self) -> bool:
        """Whether its caller did not wait for its end: gave it up, or left its stream."""
        said = self.said
        return said.error is not None and (
            said.error == LEFT or said.completions[0].metadata.get("error") == GIVEN_UP
        )

    def precedes(self, other: "ReplayCall") -> bool:
        """Whether this call had ended when the other started, by its number and by the clock."""
        return self.number < other.number and self.ended <= other.said.started

    def answer(self) -> Answer:
        """What was said, as the engine had given it."""
        said = self.said
        return Answer(
            completions=tuple([_completion(sample) for sample in said.completions]),
            prompt_token_ids=cast(Ids, said.prompt_token_ids),
            policy=said.policy,
            model=said.model,
        )

    def piece(self) -> Piece:
        """The same as the only piece of a stream."""
        said, sample = self.said, self.said.completions[0]
        return Piece(
            text=sample.completion,
            token_ids=cast(Ids, sample.token_ids),
            logprobs=cast(Logprobs, sample.logprobs),
            tool_calls=tuple({"index": index, **call} for index, call in enumerate(sample.tool_calls)),
            finish_reason=sample.finish_reason,
            prompt_token_ids=cast(Ids, said.prompt_token_ids),
            policy=said.policy,
            model=said.model,
        )

    def failure(self) -> TutelageError:
        """The recorded error; an `EngineError` where its type was not recorded."""
        name = self.said.completions[0].metadata.get("error")
        kind = getattr(errors, str(name), errors.EngineError)
        return kind(self.error) if issubclass(kind, TutelageError) else errors.EngineError(self.error)


def replay_calls(calls: Sequence[RecordedCall], ignore: re.Pattern[str] | None) -> list[ReplayCall]:
    """Make the calls of one rollout ready to be matched."""
    return [_ready(call, ignore) for call in calls]


def _ready(call: RecordedCall, ignore: re.Pattern[str] | None) -> ReplayCall:
    request = Request(
        messages=tuple(call.messages),
        sampling=call.sampling,
        n=call.samples,
        tools=tuple(call.tools),
        tool_choice=cast(ToolChoice, call.tool_choice),
    )
    return ReplayCall(key_of(request, ignore), request, call, ended=call.started + call.seconds)


def _completion(sample: Sample) -> Completion:
    return Completion(
        text=sample.completion,
        finish_reason=sample.finish_reason,
        token_ids=cast(Ids, sample.token_ids),
        logprobs=cast(Logprobs, sample.logprobs),
        tool_calls=tuple(sample.tool_calls),
    )


def key_of(request: Request, ignore: re.Pattern[str] | None) -> Key:
    """Give what a request is compared by."""
    return (
        tuple([_message(message, ignore) for message in request.messages]),
        tuple(vars(request.sampling).values()),
        request.n,
        _canonical(request.tools) if request.tools else "",
        "" if request.tool_choice is None else _canonical(request.tool_choice),
    )


def _message(message: Mapping[str, Any], ignore: re.Pattern[str] | None) -> Any:
    content = message.get("content")
    if isinstance(content, str) and message.keys() == PLAIN:
        return message["role"], content if ignore is None else ignore.sub("", content)
    text = _canonical(message)
    return text if ignore is None else ignore.sub("", text)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: object) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
