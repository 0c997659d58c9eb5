"""Between LangChain's messages and an engine's requests and answers.

Requests hold OpenAI-shaped dictionaries; text blocks are joined into one string, other blocks are passed on
as they are (only servers can read those). Answers become `AIMessage`s that carry what was sampled in
`response_metadata`: `finish_reason`, `model_name`, `policy`, and where known `token_ids`, `logprobs` and
`prompt_token_ids`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    InvalidToolCall,
    ToolCall,
    ToolCallChunk,
    convert_to_openai_messages,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.output_parsers.openai_tools import make_invalid_tool_call, parse_tool_call

from tutelage.agents.engine import Answer, Completion, Piece, Quoted

__all__ = [
    "ai_message",
    "as_dicts",
    "metadata_of",
    "sampled_ids",
    "tool_call_chunks",
    "usage_of",
    "whole_piece",
]

ROLES = {"human": "user", "system": "system", "ai": "assistant"}


def as_dicts(messages: Sequence[BaseMessage]) -> tuple[Mapping[str, Any], ...]:
    """Give messages in OpenAI's shape."""
    return tuple(_as_dict(message) for message in messages)


def _as_dict(message: BaseMessage) -> Mapping[str, Any]:
    role = ROLES.get(message.type)
    plain = isinstance(message.content, str) and not (isinstance(message, AIMessage) and message.tool_calls)
    if role and plain and message.name is None:
        return {"role": role, "content": message.content}
    (converted,) = convert_to_openai_messages([message], text_format="string")
    return converted if isinstance(converted, dict) else {}


def sampled_ids(messages: Sequence[BaseMessage]) -> dict[int, Quoted]:
    """Give the ids that answers among the messages still carry, by the messages' index."""
    carried = (
        (index, message.response_metadata.get("prompt_token_ids"), message.response_metadata.get("token_ids"))
        for index, message in enumerate(messages)
        if isinstance(message, AIMessage)
    )
    return {index: (read, said) for index, read, said in carried if read is not None and said is not None}


def ai_message(answer: Answer, completion: Completion, engine: str) -> AIMessage:
    """Make the message that a chat model gives back for one completion."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in completion.tool_calls:
        try:
            parsed = parse_tool_call(dict(call), return_id=True) or {}
            calls.append(
                ToolCall(name=parsed["name"], args=parsed["args"], id=parsed["id"], type="tool_call")
            )
        except Exception as error:
            invalid.append(make_invalid_tool_call(dict(call), str(error)))
    return AIMessage(
        content=completion.text,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        usage_metadata=usage_of(answer, completion),
        response_metadata=metadata_of(answer, completion, engine),
    )


def usage_of(answer: Answer, completion: Completion) -> UsageMetadata | None:
    """Count tokens, by the ids or by the engine's word; `None` where neither is known."""
    ids = answer.prompt_token_ids
    prompt = len(ids) if ids is not None else answer.prompt_tokens
    if completion.token_ids is not None:
        sampled: int | None = len(completion.token_ids)
    else:
        sampled = answer.completion_tokens if len(answer.completions) == 1 else None
    if prompt is None or sampled is None:
        return None
    return UsageMetadata(input_tokens=prompt, output_tokens=sampled, total_tokens=prompt + sampled)


def metadata_of(answer: Answer, completion: Completion, engine: str) -> dict[str, Any]:
    """Say who spoke and what exactly was sampled; unknown values are left out."""
    model = answer.model or engine
    known: dict[str, Any] = {"model_name": model, "model_provider": "tutelage", "policy": answer.policy}
    if completion.finish_reason is not None:
        known["finish_reason"] = completion.finish_reason
    if completion.token_ids is not None:
        known["token_ids"] = list(completion.token_ids)
    if completion.logprobs is not None:
        known["logprobs"] = list(completion.logprobs)
    if answer.prompt_token_ids is not None:
        known["prompt_token_ids"] = list(answer.prompt_token_ids)
    return known


def tool_call_chunks(piece: Piece) -> list[ToolCallChunk]:
    """Give a piece's tool calls as LangChain merges them."""
    chunks = []
    for call in piece.tool_calls:
        function = call.get("function") or {}
        chunks.append(
            ToolCallChunk(
                name=function.get("name"),
                args=function.get("arguments"),
                id=call.get("id"),
                index=call.get("index"),
                type="tool_call_chunk",
            )
        )
    return chunks


def whole_piece(answer: Answer) -> Piece:
    """Give the only completion of an answer as a stream of one piece would bring it."""
    (completion,) = answer.completions
    return Piece(
        text=completion.text,
        tool_calls=tuple({"index": index, **call} for index, call in enumerate(completion.tool_calls)),
    )
