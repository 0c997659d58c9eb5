"""A branch as the steps of an ATIF trajectory.

Source: Harbor's RFC 0001, "Agent Trajectory Interchange Format", version 1.7. A prompt's message is a system,
user or agent step; a turn is an agent step with metrics; a tool's answer is an observation of the step that
called. Tool calls whose arguments are no JSON object keep the model's text in `extra.arguments_text`.
Not covered: audio (version 1.8); a content part that is neither text nor an image of a known type is written
as the text of its JSON.
"""

import json
import mimetypes
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tutelage.traces.export.formats.atif_branches import Branch, Item
from tutelage.traces.export.formats.valid import present
from tutelage.traces.record import Turn

__all__ = ["branch_steps", "timestamp"]

IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
TOLD = ("role", "content", "tool_calls", "tool_call_id", "reasoning_content", "reasoning")
"""The keys of a message that have a place of their own in a step."""


def branch_steps(branch: Branch, scores: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Give the steps of a branch; `scores` are those of turns, by the turn's id."""
    steps: list[dict[str, Any]] = []
    for item in branch.items:
        if item.turn is not None:
            steps.append(_turn_step(item.turn, scores.get(item.turn.id, [])))
        elif item.message is not None and item.message.get("role") in ("tool", "function"):
            _observe(steps, item)
        elif item.message is not None:
            steps.append(_message_step(item, item.message))
    return [{"step_id": number, **step} for number, step in enumerate(steps, 1)]


def timestamp(seconds: float | None) -> str | None:
    """Write Unix time as ISO 8601 in UTC; `None` where there is none or no calendar has it."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _turn_step(turn: Turn, scores: list[dict[str, Any]]) -> dict[str, Any]:
    sampled = turn.author is None
    extra = present(
        turn_id=turn.id,
        call=turn.call,
        sample=turn.sample,
        samples=turn.samples,
        node=turn.node,
        parents=turn.parents,
        policy=turn.policy,
        author=turn.author,
        finish_reason=turn.finish_reason,
        tool_choice=turn.tool_choice,
        sampling=turn.sampling.model_dump(),
        seconds=turn.seconds,
        error=turn.error,
        scores=scores,
        metadata=turn.metadata,
    )
    return {
        "source": "agent",
        "message": turn.completion,
        "llm_call_count": 1 if sampled else 0,
        **present(
            timestamp=timestamp(turn.started),
            model_name=turn.model,
            tool_calls=_tool_calls(turn.tool_calls, turn.id),
            metrics=_metrics(turn) if sampled else None,
            extra=extra,
        ),
    }


def _metrics(turn: Turn) -> dict[str, Any]:
    prompt, completion = turn.prompt_token_ids, turn.completion_token_ids
    return present(
        prompt_tokens=None if prompt is None else len(prompt),
        completion_tokens=None if completion is None else len(completion),
        prompt_token_ids=prompt,
        completion_token_ids=completion,
        logprobs=turn.logprobs,
    )


def _message_step(item: Item, message: Mapping[str, Any]) -> dict[str, Any]:
    role = message.get("role")
    source = {"system": "system", "developer": "system", "assistant": "agent"}.get(str(role), "user")
    step: dict[str, Any] = {"source": source, "message": _content(message.get("content"))}
    rest = {name: value for name, value in message.items() if name not in TOLD}
    if role not in ("system", "user", "assistant"):
        rest["role"] = role
    if source == "agent":
        step |= present(
            tool_calls=_tool_calls(message.get("tool_calls") or (), item.origin or "prompt"),
            reasoning_content=message.get("reasoning_content") or message.get("reasoning"),
        )
    return step | present(
        is_copied_context=item.copied or None, extra=present(turn_id=item.origin, message=rest)
    )


def _observe(steps: list[dict[str, Any]], item: Item) -> None:
    """Add a tool's answer to the agent step before it, or as a system step where no agent spoke."""
    message = item.message or {}
    call, content = message.get("tool_call_id"), message.get("content")
    if not steps or not (steps[-1]["source"] == "agent" or "observation" in steps[-1]):
        steps.append({"source": "system", "message": "", **present(is_copied_context=item.copied or None)})
    known = {known["tool_call_id"] for known in steps[-1].get("tool_calls", ())}
    rest = {name: value for name, value in message.items() if name not in TOLD}
    result = present(
        source_call_id=call if call in known else None,
        content=None if content is None else _content(content),
        extra=rest | present(tool_call_id=None if call in known else call),
    )
    steps[-1].setdefault("observation", {"results": []})["results"].append(result)


def _tool_calls(calls: Any, owner: str) -> list[dict[str, Any]]:
    return [_tool_call(call, f"{owner}/{number}") for number, call in enumerate(calls)]


def _tool_call(call: Mapping[str, Any], fallback: str) -> dict[str, Any]:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    written = function.get("arguments")
    try:
        arguments = json.loads(written, parse_constant=_refuse) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        arguments = None
    rest = {name: value for name, value in call.items() if name not in ("id", "type", "function", "index")}
    if not isinstance(arguments, Mapping):
        rest["arguments_text"], arguments = written, {}
    return {
        "tool_call_id": str(call.get("id") or fallback),
        "function_name": str(function.get("name") or ""),
        "arguments": arguments,
        **present(extra=rest),
    }


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _content(content: Any) -> str | list[dict[str, Any]]:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts: Sequence[Any] = content if isinstance(content, (list, tuple)) else (content,)
    return [_part(part) for part in parts]


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if isinstance(part, Mapping) and part.get("type") == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, Mapping) else image
        kind = mimetypes.guess_type(url)[0] if isinstance(url, str) else None
        if kind in IMAGES:
            return {"type": "image", "source": {"media_type": kind, "path": url}}
    return {"type": "text", "text": json.dumps(part, ensure_ascii=False)}
