"""Messages as OpenAI's fine-tuning file takes them, and which turn said which message of a later prompt.

Source: OpenAI's OpenAPI description, `FineTuneChatCompletionRequestAssistantMessage` and its kin.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from tutelage.traces.export.story import TurnView
from tutelage.traces.record import Message

__all__ = ["Conversation", "answer", "conversations", "strict_message", "strict_tool"]

KNOWN: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset(
        {"role", "content", "refusal", "name", "audio", "tool_calls", "function_call", "weight"}
    ),
    "tool": frozenset({"role", "content", "tool_call_id"}),
    "function": frozenset({"role", "content", "name"}),
}
"""The keys of a message of each role."""
CALL_KEYS = ("id", "type", "function", "custom")
FUNCTION_KEYS = ("name", "arguments")
TOOL_KEYS = ("type", "function")
SCHEMA_KEYS = ("name", "description", "parameters", "strict")


class Conversation(NamedTuple):
    """A turn and the turns that said the answers in its prompt."""

    turn: TurnView
    earlier: Mapping[int, TurnView]
    """By position in the prompt; an answer that no turn said is not in it."""


def conversations(turns: Sequence[TurnView]) -> tuple[list[Conversation], set[str]]:
    """Find in the prompts of a rollout what its earlier turns said.

    An answer in a prompt is a turn's where its text and tool calls are the turn's, and all that stands before
    it was the turn's prompt; of several the recorded parent, else the first.

    Returns:
        Every turn with what is found, and the ids of the turns that a later one continues.
    """
    said: dict[bytes, list[TurnView]] = {}
    texts: dict[int, bytes] = {}
    found: list[Conversation] = []
    for turn in turns:
        digest = b""
        matches: list[tuple[int, list[TurnView]]] = []
        for at, message in enumerate(turn.prompt):
            text = texts.get(id(message))
            if text is None:
                text = texts[id(message)] = _identity(message)
            digest = sha256(digest + text).digest()
            if message.get("role") == "assistant" and digest in said:
                matches.append((at, said[digest]))
        found.append(Conversation(turn, _speakers(turn, matches)))
        said.setdefault(sha256(digest + _identity(turn.message)).digest(), []).append(turn)
    return found, {earlier.id for each in found for earlier in each.earlier.values()}


def _speakers(turn: TurnView, matches: list[tuple[int, list[TurnView]]]) -> dict[int, TurnView]:
    speakers: dict[int, TurnView] = {}
    wanted: Sequence[str] = turn.parents
    for at, candidates in reversed(matches):
        speakers[at] = next((each for each in candidates if each.id in wanted), candidates[0])
        wanted = speakers[at].parents
    return speakers


def answer(turn: TurnView, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Give a turn as a message: its own words, and what an importer kept of the message besides."""
    message: dict[str, Any] = {"role": "assistant"}
    others = turn.tool_calls or any(kept.get(key) for key in ("refusal", "function_call", "audio"))
    if turn.completion or not others:
        message["content"] = turn.completion
    if turn.tool_calls:
        message["tool_calls"] = list(turn.tool_calls)
    return {**message, **kept}


def strict_message(message: Message) -> dict[str, Any] | None:
    """Give the message with the keys that the format knows; `None` where it cannot be said in the format."""
    role = message.get("role")
    known = KNOWN.get(role) if isinstance(role, str) else None
    if known is None:
        return None
    kept: dict[str, Any] = {key: value for key, value in message.items() if key in known}
    content = kept.get("content")
    if role != "assistant":
        needed = known - {"name"} if role != "function" else known
        ready = needed <= kept.keys() and isinstance(content, str | list)
        return kept if ready or (role == "function" and needed <= kept.keys()) else None
    spoken = kept.get("tool_calls")
    if not isinstance(spoken, list) or not spoken:
        kept.pop("tool_calls", None)
        return kept if content is not None or kept.keys() & {"refusal", "function_call", "audio"} else None
    calls = [_strict_call(call) for call in spoken]
    return None if None in calls else kept | {"tool_calls": calls}


def strict_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Give a tool's schema with the keys that the format knows."""
    schema = tool.get("function")
    kept = {key: tool[key] for key in TOOL_KEYS if key in tool}
    if isinstance(schema, Mapping):
        kept["function"] = {key: schema[key] for key in SCHEMA_KEYS if key in schema}
    return kept


def _strict_call(call: object) -> dict[str, Any] | None:
    if not isinstance(call, Mapping) or not isinstance(call.get("id"), str):
        return None
    kept = {"type": "function"} | {key: call[key] for key in CALL_KEYS if key in call}
    if kept["type"] != "function":
        return kept
    function = call.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return None
    spoken = {key: function[key] for key in FUNCTION_KEYS if key in function}
    arguments = spoken.get("arguments", "{}")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return kept | {"function": spoken | {"arguments": arguments}}


def _identity(message: Message) -> bytes:
    """What makes two messages the same: of an answer its text and calls, of others all."""
    if message.get("role") != "assistant":
        return json.dumps(message, sort_keys=True).encode()
    calls: Any = message.get("tool_calls") or ()
    return json.dumps(
        ["assistant", _text(message.get("content")), [_called(call) for call in calls]]
    ).encode()


def _called(call: Any) -> object:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return call
    arguments = function.get("arguments")
    try:
        meant = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        meant = arguments
    return [call.get("id"), function.get("name"), json.dumps(meant, sort_keys=True)]


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else ()
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "".join(text for text in texts if isinstance(text, str))
