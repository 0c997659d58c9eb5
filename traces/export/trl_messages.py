"""Messages as TRL's trainers want them.

TRL renders tool calls from arguments that are objects; the record has them as the JSON text that the model
wrote. Text that is no JSON object stays as it is.
"""

import json
from collections.abc import Mapping
from typing import Any

from tutelage.traces.export.columns import Column, Kind
from tutelage.traces.export.reading import Survey
from tutelage.traces.export.story import TurnView
from tutelage.traces.record import Message

__all__ = ["for_trl", "said", "texts_of", "tools_of", "with_tools"]

Prompt = tuple[Message, ...]


def for_trl(messages: Prompt) -> Prompt:
    """Give messages whose tool calls have objects as arguments."""
    if not any("tool_calls" in message for message in messages):
        return messages
    return tuple(
        {**message, "tool_calls": [_call(call) for call in calls]} if isinstance(calls, list) else message
        for message in messages
        for calls in (message.get("tool_calls"),)
    )


def said(turn: TurnView) -> Prompt:
    """Give a completion as TRL's `completion`: the new messages."""
    message = turn.message
    return for_trl((message,)) if turn.tool_calls else (message,)


def texts_of(turn: TurnView) -> tuple[str, ...]:
    """Give what was said as texts, tool calls without their ids included, by which equal completions are known."""
    if not turn.tool_calls:
        return (turn.completion,)
    calls = [{key: value for key, value in call.items() if key != "id"} for call in turn.tool_calls]
    return (turn.completion, repr(calls))


def with_tools(columns: tuple[Column, ...], survey: Survey) -> tuple[Column, ...]:
    """Add TRL's column `tools` where some turn was offered any."""
    return (*columns, Column("tools", Kind.JSON)) if survey.tools else columns


def tools_of(turn: TurnView, survey: Survey) -> tuple[Any, ...]:
    """The value of that column, or none."""
    return (list(turn.speaker.tools) or None,) if survey.tools else ()


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        return call
    if not isinstance(arguments, dict):
        return call
    return {**call, "function": {**function, "arguments": arguments}}
