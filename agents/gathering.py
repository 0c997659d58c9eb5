"""Joining the pieces of a stream into the answer that is recorded."""

from collections.abc import Mapping
from typing import Any, TypeVar

from tutelage.agents.engine import Answer, Completion, Piece

__all__ = ["Gathering"]

T = TypeVar("T")


class Gathering:
    """A completion under way."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._texts: list[str] = []
        self._ids: list[int] | None = None
        self._logprobs: list[float] | None = None
        self._calls: dict[int, dict[str, Any]] = {}
        self._finish_reason: str | None = None
        self._last = Piece()

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        self._texts.append(piece.text)
        if piece.token_ids is not None:
            self._ids = (self._ids or []) + list(piece.token_ids)
        if piece.logprobs is not None:
            self._logprobs = (self._logprobs or []) + list(piece.logprobs)
        for delta in piece.tool_calls:
            self._add_call(delta)
        self._finish_reason = piece.finish_reason or self._finish_reason
        self._last = Piece(
            prompt_token_ids=_first(piece.prompt_token_ids, self._last.prompt_token_ids),
            policy=piece.policy or self._last.policy,
            model=piece.model or self._last.model,
            prompt_tokens=_first(piece.prompt_tokens, self._last.prompt_tokens),
            completion_tokens=_first(piece.completion_tokens, self._last.completion_tokens),
        )

    def answer(self) -> Answer:
        """What there is so far, as a whole answer."""
        ids, logprobs = self._ids, self._logprobs
        if ids is not None and logprobs is not None and len(ids) != len(logprobs):
            logprobs = None
        completion = Completion(
            text="".join(self._texts),
            finish_reason=self._finish_reason,
            token_ids=None if ids is None else tuple(ids),
            logprobs=None if logprobs is None else tuple(logprobs),
            tool_calls=tuple(self._calls[index] for index in sorted(self._calls)),
        )
        return Answer(
            completions=(completion,),
            prompt_token_ids=self._last.prompt_token_ids,
            policy=self._last.policy,
            model=self._last.model,
            prompt_tokens=self._last.prompt_tokens,
            completion_tokens=self._last.completion_tokens,
        )

    def _add_call(self, delta: Mapping[str, Any]) -> None:
        empty = {"type": "function", "function": {"name": "", "arguments": ""}}
        call = self._calls.setdefault(delta.get("index") or 0, empty)
        if delta.get("id"):
            call["id"] = delta["id"]
        new = delta.get("function") or {}
        call["function"]["name"] += new.get("name") or ""
        call["function"]["arguments"] += new.get("arguments") or ""


def _first(new: T | None, old: T | None) -> T | None:
    return old if new is None else new
