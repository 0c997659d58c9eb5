"""Model calls as spans: `chat {model}`, one for all samples of a call.

The attributes are those of the GenAI conventions' inference span; what has no name there is `tutelage.*`. A
count is left out where one of its parts was not recorded. Not covered: what a call belongs to (`otel`).
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from tutelage.traces.export.formats.otel_messages import (
    finish_reason,
    input_messages,
    output_messages,
    tool_definitions,
)
from tutelage.traces.export.formats.otel_spans import INTERNAL, Span, nanoseconds, span_id
from tutelage.traces.record import Turn

__all__ = ["Call", "calls_of", "chat_span", "end_of", "model_attributes"]

CLIENT = 3
"""A span's kind: the model is another process or another machine."""

Call = Sequence[Turn]
"""The samples of one model call."""


def calls_of(turns: Sequence[Turn]) -> list[Call]:
    """Put the samples of each call together, in the order the calls were recorded."""
    calls: dict[tuple[int, str, str, str | None], list[Turn]] = {}
    for turn in turns:
        calls.setdefault((turn.call, turn.role, turn.model, turn.author), []).append(turn)
    return list(calls.values())


def chat_span(agent: Span, call: Call, content: bool, tokens: bool) -> Span:
    """Make the span of a call; see `tutelage.traces.export.formats.otel.trace` for the switches."""
    first = call[0]
    errors = [turn.error for turn in call if turn.error is not None]
    attributes = _request(first) | _response(call)
    if content:
        attributes |= {
            "gen_ai.input.messages": input_messages(first.messages),
            "gen_ai.output.messages": output_messages(call),
            "gen_ai.tool.definitions": tool_definitions(first.tools) if first.tools else None,
        }
    if tokens:
        attributes["tutelage.prompt.token_ids"] = first.prompt_token_ids
        for turn in call:
            attributes[f"tutelage.completion.{turn.sample}.token_ids"] = turn.completion_token_ids
            attributes[f"tutelage.completion.{turn.sample}.logprobs"] = turn.logprobs
    return Span(
        name=f"chat {attributes['gen_ai.request.model']}",
        trace=agent.trace,
        id=span_id("turn", first.id),
        parent=agent.id,
        kind=CLIENT if first.author is None else INTERNAL,
        start=nanoseconds(first.started),
        end=end_of(call),
        attributes=attributes,
        error=errors[0] if errors else None,
    )


def end_of(call: Call) -> int:
    """Give when the last sample of a call was there, in Unix nanoseconds."""
    return max(nanoseconds(turn.started + turn.seconds) for turn in call)


def model_attributes(model: str) -> dict[str, Any]:
    """Say which model was asked, and who serves it: the engine of "vllm:DIR", or a server with OpenAI's protocol.

    A server's models are recorded as "http://host:8000/v1#NAME".
    """
    if not model.startswith(("http://", "https://")):
        return {"gen_ai.provider.name": model.partition(":")[0], "gen_ai.request.model": model}
    try:
        address = urlsplit(model)
        port = address.port or (443 if address.scheme == "https" else 80)
    except ValueError:
        return {"gen_ai.provider.name": "openai", "gen_ai.request.model": model}
    return {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": address.fragment or model,
        "server.address": address.hostname,
        "server.port": port,
    }


def _request(turn: Turn) -> dict[str, Any]:
    sampling = turn.sampling
    return {
        "gen_ai.operation.name": "chat",
        **model_attributes(turn.model),
        "gen_ai.agent.name": turn.role,
        "gen_ai.request.temperature": float(sampling.temperature),
        "gen_ai.request.top_p": float(sampling.top_p),
        "gen_ai.request.max_tokens": sampling.max_tokens,
        "gen_ai.request.stop_sequences": sampling.stop or None,
        "gen_ai.request.choice.count": turn.samples if turn.samples > 1 else None,
        "tutelage.role": turn.role,
        "tutelage.node": turn.node,
        "tutelage.call": turn.call,
        "tutelage.author": turn.author,
    }


def _response(call: Call) -> dict[str, Any]:
    first = call[0]
    written = [None if turn.completion_token_ids is None else len(turn.completion_token_ids) for turn in call]
    known = [count for count in written if count is not None]
    unsaid = all(turn.finish_reason is None and turn.error is None for turn in call)
    return {
        "gen_ai.response.id": first.id if len(call) == 1 else None,
        "gen_ai.response.model": first.policy,
        "gen_ai.response.finish_reasons": None if unsaid else [finish_reason(turn) for turn in call],
        "gen_ai.usage.input_tokens": None if first.prompt_token_ids is None else len(first.prompt_token_ids),
        "gen_ai.usage.output_tokens": sum(known) if len(known) == len(written) else None,
        "tutelage.turn.ids": [turn.id for turn in call],
        "tutelage.turn.parents": list(dict.fromkeys(parent for turn in call for parent in turn.parents))
        or None,
    }
