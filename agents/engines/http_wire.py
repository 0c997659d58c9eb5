"""The OpenAI chat protocol on the wire: what is sent, and what an answer must look like to be believed.

Beyond the protocol, vLLM's `return_token_ids` is asked for and read. An answer that has to fit a schema (a tool that
must be called) has no log-probabilities: a server's are then of another distribution than the model's. Servers differ
in what they accept; `Dialect` holds what a server has refused so far, so that it is asked once only.

Not covered: the connection itself (`http_engine`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tutelage.agents.engine import Answer, Completion, Piece, Request

__all__ = ["Dialect", "NotOpenAI", "adapted", "error_text", "read_answer", "read_piece", "request_body"]


class NotOpenAI(Exception):
    """An answer that is not shaped like OpenAI's; its text says what is missing."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server understands."""

    token_ids: bool = True
    """vLLM's `return_token_ids`."""
    logprobs: bool = True
    stream_usage: bool = True
    """`stream_options`."""
    max_tokens: str = "max_tokens"
    """Or `max_completion_tokens`, as OpenAI's newer models want it."""


def adapted(dialect: Dialect, complaint: str) -> Dialect | None:
    """Give the dialect that avoids what a server complained of; `None` where nothing would."""
    if dialect.token_ids and "return_token_ids" in complaint:
        return replace(dialect, token_ids=False)
    if dialect.max_tokens == "max_tokens" and "max_completion_tokens" in complaint and "instead" in complaint:
        return replace(dialect, max_tokens="max_completion_tokens")
    if dialect.logprobs and "logprobs" in complaint:
        return replace(dialect, logprobs=False)
    if dialect.stream_usage and "stream_options" in complaint:
        return replace(dialect, stream_usage=False)
    return None


def request_body(request: Request, model: str, dialect: Dialect, *, streaming: bool) -> dict[str, Any]:
    """Make the JSON body of `POST /chat/completions`."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": [dict(message) for message in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        dialect.max_tokens: sampling.max_tokens,
        "n": request.n,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.logprobs and dialect.logprobs and not _is_constrained(request):
        body["logprobs"] = True
    if dialect.token_ids:
        body["return_token_ids"] = True
    if request.tools:
        body["tools"] = [dict(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
    if streaming:
        body["stream"] = True
        if dialect.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return body


def _is_constrained(request: Request) -> bool:
    """Whether a server lets the model say only what fits a schema.

    Servers then give log-probabilities among the tokens that fit, which are not the model's own; so they are not
    asked for.
    """
    choice = request.tool_choice
    strict = any((tool.get("function") or {}).get("strict") for tool in request.tools)
    return bool(request.tools) and choice != "none" and (strict or choice not in (None, "auto"))


def read_answer(body: Any, policy: str, n: int) -> Answer:
    """Read a whole answer.

    Raises:
        NotOpenAI: It is not shaped like one, or has another number of choices than asked.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(choices, list):
        raise NotOpenAI("it has no list 'choices'")
    if len(choices) != n:
        raise NotOpenAI(f"it has {len(choices)} choices where n={n} were asked for")
    usage = body.get("usage") or {}
    return Answer(
        completions=tuple(_completion(choice) for choice in choices),
        prompt_token_ids=_ids(body.get("prompt_token_ids")),
        policy=policy,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
    )


def read_piece(body: Any, policy: str) -> Piece:
    """Read one event of a stream.

    Raises:
        NotOpenAI: It is not shaped like one.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(choices, list):
        raise NotOpenAI("an event of the stream has no list 'choices'")
    usage = body.get("usage") or {}
    choice = choices[0] if choices else {}
    delta = choice.get("delta") or {}
    content = delta.get("content")
    ids = _ids(choice.get("token_ids"))
    return Piece(
        text=content if isinstance(content, str) else "",
        token_ids=ids,
        logprobs=_logprobs(choice, ids),
        tool_calls=tuple(delta.get("tool_calls") or ()),
        finish_reason=choice.get("finish_reason"),
        prompt_token_ids=_ids(body.get("prompt_token_ids")),
        policy=policy,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
    )


def error_text(body: Any, raw: str) -> str:
    """Find a server's own words in an error's body."""
    if isinstance(body, Mapping):
        error = body.get("error", body)
        for holder in (error, body):
            if isinstance(holder, Mapping):
                for key in ("message", "detail"):
                    if holder.get(key):
                        return str(holder[key])
        if isinstance(error, str):
            return error
    return "a page of HTML" if raw.lstrip().startswith("<") else " ".join(raw.split())[:200]


def _completion(choice: Any) -> Completion:
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        raise NotOpenAI("a choice has no 'message'")
    content, calls = message.get("content"), message.get("tool_calls") or ()
    if not isinstance(content, str | None):
        raise NotOpenAI(f"a message's content is {type(content).__name__}, not text")
    ids = _ids(choice.get("token_ids"))
    return Completion(
        text=content or "",
        finish_reason=choice.get("finish_reason"),
        token_ids=ids,
        logprobs=_logprobs(choice, ids),
        tool_calls=tuple(calls),
    )


def _ids(value: Any) -> tuple[int, ...] | None:
    return tuple(value) if isinstance(value, list) else None


def _logprobs(choice: Mapping[str, Any], ids: tuple[int, ...] | None) -> tuple[float, ...] | None:
    """Log-probabilities that belong to the token ids, or to the server's own tokens where it gives no ids."""
    holder = choice.get("logprobs")
    content = holder.get("content") if isinstance(holder, Mapping) else None
    if not isinstance(content, list):
        return None
    values = tuple(float(entry["logprob"]) for entry in content)
    return values if ids is None or len(ids) == len(values) else None
