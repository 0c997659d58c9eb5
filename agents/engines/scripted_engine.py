"""An engine that says what it is told: for tests, examples and the cost of everything but the model.

Its tokens are the UTF-8 bytes of the text, its log-probabilities 0 (a script is certain), so that whatever
needs token ids works on it. Text that is not valid Unicode has no bytes; its token ids are then `None`.

Not covered: sampling settings other than `max_tokens` and `stop`, which a script has no use for.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tutelage.agents.engine import Answer, Completion, Piece, Request, refuse_begun
from tutelage.errors import UserError

__all__ = ["Script", "ScriptedEngine"]

Messages = Sequence[Mapping[str, Any]]
Script = Callable[[Messages, int], str | Completion] | Sequence[str | Completion]
"""Either a function of the messages and the sample's index, or the answers in order."""


class ScriptedEngine:
    """An `Engine` over a script."""

    def __init__(self, answers: Script, *, name: str = "scripted", latency: float = 0.0) -> None:
        """Answer by a script.

        Args:
            answers: A function, or a sequence that is used up in the order of the samples.
            name: The engine's name, and its policy.
            latency: Seconds that every request takes.
        """
        self._answers = answers
        self._latency = latency
        self._used = 0
        self._lock = threading.Lock()
        self.name = name
        self.policy = name
        self.context_length: int | None = None

    async def generate(self, request: Request) -> Answer:
        """Answer with `request.n` entries of the script.

        Raises:
            UserError: The sequence is used up.
        """
        refuse_begun(self.name, request)
        if self._latency:
            await asyncio.sleep(self._latency)
        completions = tuple(self._completion(request, index) for index in range(request.n))
        prompt = "".join(f"{message['role']}: {message.get('content')}\n" for message in request.messages)
        return Answer(completions=completions, prompt_token_ids=_bytes(prompt), policy=self.policy)

    async def stream(self, request: Request) -> AsyncIterator[Piece]:
        """Give the answer word by word."""
        answer = await self.generate(replace(request, n=1))
        completion = answer.completions[0]
        words = completion.text.replace(" ", "\0 ").split("\0") if completion.text else []
        for word in words:
            ids = None if completion.token_ids is None else _bytes(word)
            yield Piece(
                text=word,
                token_ids=ids,
                logprobs=(0.0,) * len(ids) if ids is not None and completion.logprobs is not None else None,
                policy=self.policy,
            )
        yield Piece(
            finish_reason=completion.finish_reason,
            tool_calls=tuple({"index": index, **call} for index, call in enumerate(completion.tool_calls)),
            prompt_token_ids=answer.prompt_token_ids,
            policy=self.policy,
        )

    def reload(self, directory: Path) -> None:
        """Become another policy; the script stays.

        Raises:
            UserError: The directory does not exist.
        """
        if not Path(directory).is_dir():
            raise UserError(f"there is no directory {str(directory)!r} to take weights from.")
        self.policy = Path(directory).name

    def close(self) -> None:
        """Nothing to free."""

    def _completion(self, request: Request, index: int) -> Completion:
        said = self._answers(request.messages, index) if callable(self._answers) else self._next()
        if isinstance(said, Completion):
            return said
        cuts = [said.find(stop) for stop in request.sampling.stop if stop in said]
        text = said[: min(cuts)] if cuts else said
        ids = _bytes(text)
        reason = "stop"
        if ids is not None and len(ids) > request.sampling.max_tokens:
            ids, reason = ids[: request.sampling.max_tokens], "length"
            text = bytes(ids).decode(errors="ignore")
        logprobs = (0.0,) * len(ids) if ids is not None and request.sampling.logprobs else None
        return Completion(text=text, finish_reason=reason, token_ids=ids, logprobs=logprobs)

    def _next(self) -> str | Completion:
        answers = self._answers
        assert not callable(answers)
        with self._lock:
            if self._used >= len(answers):
                raise UserError(f"the script has only {len(answers)} answers and was asked for one more.")
            self._used += 1
            return answers[self._used - 1]


def _bytes(text: str) -> tuple[int, ...] | None:
    try:
        return tuple(text.encode())
    except UnicodeEncodeError:
        return None
