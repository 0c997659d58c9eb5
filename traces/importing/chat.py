"""Importing OpenAI's chat and fine-tuning JSONL: one conversation a line.

    {"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}], "tools": []}

Every assistant message becomes a turn with the messages before it as its prompt; its role is the message's
`name`, else "assistant". Conversations that begin alike are rollouts of one task. Nothing is lost: other keys
of the message are kept in the turn's metadata, other keys of the line and the messages after the last answer
in the rollout's output, so that `export(to="chat", verbatim=True)` gives the line back. The one thing changed
is tool arguments given as an object, which become the JSON text that the format asks for. Not covered: lines
without an assistant message (those are tasks), and the preference and reinforcement formats.

Source: OpenAI's OpenAPI description, `FineTuneChatCompletionRequestAssistantMessage` and its kin.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from tutelage.traces.importing.imported import UNKNOWN, ImportedRollout, ImportedTurn
from tutelage.traces.importing.lines import Line
from tutelage.types import Task

__all__ = ["chat_rollouts", "spoken"]


def chat_rollouts(line: Line) -> Iterator[ImportedRollout]:
    """Give the rollout of one conversation.

    Raises:
        UserError: The line is no conversation, or nobody answers in it.
    """
    messages = _messages(line)
    said = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    if not said:
        raise line.error("no message of role 'assistant', so there is no turn to record")
    tools = _tools(line)
    model = line.data.get("model")
    model = model if isinstance(model, str) and model else UNKNOWN
    turns = tuple(
        _turn(messages[:at], messages[at], parents=(number - 1,) if number else (), tools=tools, model=model)
        for number, at in enumerate(said)
    )
    rest = {
        key: value for key, value in line.data.items() if key != "messages" and not (key == "tools" and tools)
    }
    output: dict[str, Any] = {"line": rest, "after": messages[said[-1] + 1 :]}
    yield ImportedRollout(
        task=_task(messages[: said[0]], tools),
        turns=turns,
        output={"import": {key: value for key, value in output.items() if value}},
    )


def spoken(content: object) -> str:
    """Give the text of a message's content: the string, or the text parts joined."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _turn(
    before: list[dict[str, Any]],
    message: dict[str, Any],
    *,
    parents: tuple[int, ...],
    tools: tuple[dict[str, Any], ...],
    model: str,
) -> ImportedTurn:
    calls = tuple(message.get("tool_calls") or ())
    rest = {key: value for key, value in message.items() if not _kept_elsewhere(key, value, message)}
    return ImportedTurn(
        messages=tuple(before),
        completion=spoken(message.get("content")),
        role=message.get("name") or "assistant",
        parents=parents,
        model=model,
        policy=model,
        tools=tools,
        tool_calls=calls,
        metadata={"message": rest} if rest else {},
    )


def _kept_elsewhere(key: str, value: object, message: Mapping[str, Any]) -> bool:
    """Say whether a key of an assistant message follows from the turn's own fields."""
    if key == "content":
        others = any(message.get(name) for name in ("tool_calls", "refusal", "function_call", "audio"))
        return isinstance(value, str) and (value != "" or not others)
    return key == "role" or (key == "tool_calls" and bool(value))


def _task(before: list[dict[str, Any]], tools: tuple[dict[str, Any], ...]) -> Task:
    content = json.dumps([before, tools], sort_keys=True)
    asked = [spoken(message.get("content")) for message in before if message["role"] == "user"]
    return Task(id=sha256(content.encode()).hexdigest()[:16], problem=asked[-1] if asked else "")


def _messages(line: Line) -> list[dict[str, Any]]:
    messages = line.data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise line.error("'messages' must be a list of at least one message")
    return [_message(line, message, f"messages[{at}]") for at, message in enumerate(messages)]


def _message(line: Line, message: object, where: str) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise line.error(f"{where} must be an object with 'role' and 'content', not {message!r:.40}")
    role, content, name = message.get("role"), message.get("content"), message.get("name")
    if not isinstance(role, str) or not role:
        raise line.error(f"{where}.role must be a string such as 'user' or 'assistant', not {role!r:.40}")
    if not isinstance(content, str | None) and not _all_objects(content):
        raise line.error(f"{where}.content must be a string, a list of parts or null, not {content!r:.40}")
    if not isinstance(name, str | None):
        raise line.error(f"{where}.name must be a string, not {name!r:.40}")
    if role != "assistant":
        return message
    calls = message.get("tool_calls")
    if calls is not None and not _all_objects(calls):
        raise line.error(f"{where}.tool_calls must be a list of objects, not {calls!r:.40}")
    if content is None and not (
        calls or any(message.get(key) for key in ("refusal", "function_call", "audio"))
    ):
        raise line.error(f"{where} says nothing: it has neither 'content' nor 'tool_calls'")
    if not calls:
        return message
    return message | {
        "tool_calls": [_call(line, call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls)]
    }


def _call(line: Line, call: dict[str, Any], where: str) -> dict[str, Any]:
    function = call.get("function")
    if call.get("type", "function") != "function":
        return call
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise line.error(f"{where}.function must be an object with a 'name', not {function!r:.40}")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        return call
    if not isinstance(arguments, dict):
        raise line.error(f"{where}.function.arguments must be JSON text, not {arguments!r:.40}")
    return call | {"function": function | {"arguments": json.dumps(arguments, ensure_ascii=False)}}


def _tools(line: Line) -> tuple[dict[str, Any], ...]:
    tools = line.data.get("tools")
    if tools is not None and not _all_objects(tools):
        raise line.error(f"'tools' must be a list of objects, not {tools!r:.40}")
    return tuple(tools or ())


def _all_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)
