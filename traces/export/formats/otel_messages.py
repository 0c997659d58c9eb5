"""Messages in the shape of OpenTelemetry's GenAI conventions: `role`, `parts` and, for outputs, a finish reason.

Source: gen-ai-input-messages.json, gen-ai-output-messages.json and gen-ai-tool-definitions.json of
open-telemetry/semantic-conventions-genai (status: development). Each function gives the text of a JSON array,
the form in which the conventions let spans carry them. Text follows `valid`. Not covered: system instructions
apart from the history; the record has them as messages.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tutelage.traces.export.formats.valid import present, valid
from tutelage.traces.record import Message, Turn

__all__ = ["finish_reason", "input_messages", "output_messages", "tool_definitions"]


def input_messages(messages: Iterable[Message]) -> str:
    """Write a prompt."""
    return _text([{"role": str(message.get("role")), "parts": _parts(message)} for message in messages])


def output_messages(turns: Iterable[Turn]) -> str:
    """Write the completions of one call, one message for each sample."""
    return _text([_output(turn) for turn in turns])


def tool_definitions(tools: Sequence[Mapping[str, Any]]) -> str:
    """Write the tools that were offered; they are recorded in OpenAI's shape, which nests the function."""
    flat = []
    for tool in tools:
        function = tool.get("function")
        flat.append({"type": "function", **function} if isinstance(function, Mapping) else dict(tool))
    return _text(flat)


def finish_reason(turn: Turn) -> str:
    """Name why a completion ended, in the conventions' words where they have one."""
    if turn.error is not None:
        return "error"
    if turn.finish_reason is None:
        return "unknown"
    return "tool_call" if turn.finish_reason in ("tool_calls", "function_call") else turn.finish_reason


def _output(turn: Turn) -> dict[str, Any]:
    said = {"role": "assistant", "content": turn.completion, "tool_calls": turn.tool_calls}
    return {"role": "assistant", "parts": _parts(said), "finish_reason": finish_reason(turn)}


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if message.get("role") == "tool":
        return [{"type": "tool_call_response", "response": content} | present(id=message.get("tool_call_id"))]
    parts: list[dict[str, Any]] = []
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str):
        parts.append({"type": "reasoning", "content": thought})
    calls = message.get("tool_calls")
    if isinstance(content, str) and (content or not calls):
        parts.append({"type": "text", "content": content})
    elif isinstance(content, (list, tuple)):
        parts.extend(_part(part) for part in content)
    parts.extend(_call(call) for call in (calls if isinstance(calls, (list, tuple)) else ()))
    return parts


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {"type": "text", "content": str(part)}
    if part.get("type") == "text":
        return {"type": "text", "content": str(part.get("text", ""))}
    return {"type": "unknown", **part}


def _call(call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return {"type": "tool_call", "name": "", "arguments": call}
    arguments = function.get("arguments")
    with suppress(ValueError, RecursionError):
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return {
        "type": "tool_call",
        "name": str(function.get("name") or ""),
        "arguments": arguments,
        **present(id=call.get("id")),
    }


def _text(value: Any) -> str:
    return json.dumps(valid(value), ensure_ascii=False, separators=(",", ":"))
