"""One trace of verifiers as turns: walking its graph of messages and cutting its tokens into prompt and answer.

A node holds the tokens that its message adds; along a path they join to what the model read and wrote. In a
sampled node, what its mask leaves out at the beginning is the end of the prompt. Not covered: scores and tasks
(`tutelage.traces.importing.verifiers`).
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from tutelage.traces.importing.chat import spoken
from tutelage.traces.importing.imported import UNKNOWN, ImportedTurn
from tutelage.traces.importing.verifiers_schema import Call, Node, TraceBody
from tutelage.types import Sampling

__all__ = ["TraceGraph"]

NODE_KEYS = frozenset(
    {"is_content", "logprobs", "mask", "message", "parent", "sampled", "timestamp", "token_ids", "tools"}
)
"""Fields of a node that the turn holds, or that are not kept."""
MESSAGE_KEYS = frozenset({"content", "role", "tool_calls"})
TRACE_KEYS = frozenset({"calls", "nodes", "task", "tools"})

Tokens = tuple[tuple[int, ...] | None, tuple[int, ...] | None, tuple[float, ...] | None]
"""Of the prompt, of the completion, and the completion's log-probabilities."""


class TraceGraph:
    """A trace that was checked, beside its plain data, from which what is not checked is copied."""

    def __init__(self, trace: TraceBody, data: dict[str, Any], first: int) -> None:
        """Take a trace whose first turn stands at position `first` of the rollout."""
        self._trace, self._data = trace, data
        self._raw: list[dict[str, Any]] = data.get("nodes") or []
        self.sampled = [at for at, node in enumerate(trace.nodes) if node.sampled]
        """Positions of the nodes that become turns."""
        self._turn_of = {at: first + number for number, at in enumerate(self.sampled)}
        self._calls = {
            call.node: (call, raw) for call, raw in zip(trace.calls, data.get("calls") or [], strict=True)
        }
        self._messages = [openai_message(raw["message"]) for raw in self._raw]

    def turns(self) -> Iterator[ImportedTurn]:
        """Give the turns in the order of the nodes."""
        for at in self.sampled:
            yield self._turn(at)

    def rest(self) -> dict[str, Any]:
        """What of the trace is not in its turns: other fields, failed calls, and messages nobody answered."""
        answered = {step for at in self.sampled for step in self._path(at)}
        unanswered = [
            {"parent": node.parent, "message": self._messages[at]}
            for at, node in enumerate(self._trace.nodes)
            if at not in answered
        ]
        raw_calls = self._data.get("calls") or []
        failed = [raw for raw in raw_calls if raw.get("node") not in self._turn_of]
        rest = {key: value for key, value in self._data.items() if key not in TRACE_KEYS}
        return (
            rest | ({"calls": failed} if failed else {}) | ({"unanswered": unanswered} if unanswered else {})
        )

    def _turn(self, at: int) -> ImportedTurn:
        trace, node, message = self._trace, self._trace.nodes[at], self._messages[at]
        call, raw_call = self._calls.get(at, (Call(), {}))
        path = self._path(at)[:-1]
        above = [self._turn_of[step] for step in path if step in self._turn_of]
        prompt, completion, logprobs = self._tokens(path, node)
        model = call.model or str(trace.agent.config.get("model") or UNKNOWN)
        tools = trace.nodes[path[0] if path else at].tools or trace.tools
        return ImportedTurn(
            role=trace.agent.name,
            messages=tuple(self._messages[step] for step in path),
            completion=spoken(message.get("content")),
            parents=tuple(above[-1:]),
            author=None,
            model=model,
            policy=model,
            tools=tuple(openai_tool(tool) for tool in tools),
            tool_calls=tuple(message.get("tool_calls") or ()),
            sampling=sampling(call.sampling, logprobs is not None),
            finish_reason=call.finish_reason,
            prompt_token_ids=prompt,
            completion_token_ids=completion,
            logprobs=logprobs,
            started=call.time.start or node.timestamp,
            seconds=max(0.0, call.time.end - call.time.start) if call.time.start else 0.0,
            error=None if call.error is None else f"{call.error.type}: {call.error.message}",
            metadata=self._metadata(at, raw_call),
        )

    def _metadata(self, at: int, call: dict[str, Any]) -> dict[str, Any]:
        raw = self._raw[at]
        message = {key: value for key, value in self._messages[at].items() if key not in MESSAGE_KEYS}
        own = {"trace": self._trace.id, "node": at, "trainable": self._trace.agent.trainable}
        own |= {
            key: value for key, value in raw.items() if key not in NODE_KEYS and value not in (None, [], {})
        }
        own |= {key: call[key] for key in ("endpoint", "policy", "sampling", "usage") if call.get(key)}
        return {"verifiers": own, **({"message": message} if message else {})}

    def _tokens(self, path: list[int], node: Node) -> Tokens:
        ids, mask = node.token_ids, node.mask
        if not ids or len(mask) != len(ids) or True not in mask:
            return None, None, None
        begin, written = mask.index(True), sum(mask)
        if not all(mask[begin : begin + written]):
            return None, None, None
        above = [self._trace.nodes[step].token_ids for step in path]
        prompt = (*(token for each in above for token in each), *ids[:begin]) if all(above) else None
        logprobs = tuple(node.logprobs) if len(node.logprobs) == written else None
        return prompt, tuple(ids[begin : begin + written]), logprobs

    def _path(self, at: int) -> list[int]:
        """The nodes from the root to this one."""
        found: list[int] = []
        step: int | None = at
        while step is not None:
            found.append(step)
            step = self._trace.nodes[step].parent
        return found[::-1]


def openai_message(message: dict[str, Any]) -> dict[str, Any]:
    """Give a message in OpenAI's shape, which nests a tool call's name and arguments."""
    calls = message.get("tool_calls")
    return message | {"tool_calls": [openai_call(call) for call in calls]} if calls else message


def openai_call(call: dict[str, Any]) -> dict[str, Any]:
    """Give a tool call in OpenAI's shape."""
    rest = {key: value for key, value in call.items() if key not in ("arguments", "id", "name", "type")}
    if call.get("type") == "custom":
        return {
            "id": call["id"],
            "type": "custom",
            "custom": {"name": call["name"], "input": call["arguments"]},
            **rest,
        }
    function = {"name": call["name"], "arguments": call["arguments"]}
    return {"id": call["id"], "type": "function", "function": function, **rest}


def openai_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """Give a tool's schema in OpenAI's shape; tools of a provider's own kind stay as they are."""
    if tool.get("type", "function") != "function":
        return tool
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}


def sampling(said: dict[str, Any] | None, logprobs: bool) -> Sampling:
    """Take over what can be said with `Sampling`; all of it is in the turn's metadata."""
    wanted = {key: (said or {}).get(key) for key in ("temperature", "top_p", "max_tokens")}
    try:
        return Sampling(
            logprobs=logprobs, **{key: value for key, value in wanted.items() if value is not None}
        )
    except ValidationError:
        return Sampling(logprobs=logprobs)
