"""One call of a chat model: who asks, under which sampling, and its record.

Turns are recorded here and nowhere else: one a sample, written before the caller sees the answer, into the
rollout that `tutelage.traces.current_recorder` names. Without one nothing is recorded. A call that fails
with one of the project's errors is recorded as a turn with `error` and no completion.

Where somebody stands between model and engine (`tutelage.agents.interception`), what is recorded is what was
sent last and what was said in the end; the time that a request was held back is no part of a model's seconds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue, ValidationError

from tutelage.agents.engine import Answer, Completion, Engine, Quoted, Request
from tutelage.agents.interception import Interceptor, current_interceptor
from tutelage.agents.seeding import request_seed
from tutelage.errors import TutelageError, UserError
from tutelage.traces import RecordedCall, RolloutRecorder, Sample, current_recorder
from tutelage.types import Sampling

__all__ = ["Call", "make_call"]

SAMPLING = tuple(Sampling.model_fields)
OTHERS = ("n", "parents", "role", "tool_choice", "tools")
IGNORED = ("stream",)
"""LangChain's own, meant for its base class."""


@dataclass(slots=True)
class Call:
    """A request, and what the record wants to know of it."""

    engine: Engine
    request: Request
    role: str
    node: str | None
    parents: tuple[str, ...]
    recorder: RolloutRecorder | None = field(default_factory=current_recorder)
    interceptor: Interceptor | None = field(default_factory=current_interceptor)
    started: float = field(default_factory=time.time)
    _clock: float = field(default_factory=time.perf_counter)
    _seconds: float | None = None
    _author: str | None = None
    _metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    _turns: tuple[str, ...] | None = None
    """Where the answer is on record already."""
    _told: Callable[[Sequence[str]], None] | None = None

    async def answer(self) -> tuple[Answer, list[str | None]]:
        """Ask the engine, record every completion, and give the turns' ids beside the answer."""
        try:
            answer = await (
                self.engine.generate(self.request)
                if self.interceptor is None
                else self._intercepted(self.interceptor)
            )
        except Exception as error:
            self.record_failure(error)
            raise
        except asyncio.CancelledError as error:
            with suppress(TutelageError):
                self.record_failure(error, "the caller gave up before the answer")
            raise
        if self._turns is not None:
            return answer, [*self._turns]
        if self.recorder is None:
            return answer, [None] * len(answer.completions)
        turns = await self.recorder.acall(self._recorded(answer))
        if self._told is not None:
            self._told(turns)
        return answer, [*turns]

    async def _intercepted(self, interceptor: Interceptor) -> Answer:
        """Let the interceptor answer, and keep what it did for the record."""
        passed = await interceptor.call(self.request, self.engine, self._ask)
        self.request = passed.request
        self._author, self._metadata, self._turns = passed.author, passed.metadata, passed.turns
        self._told = passed.recorded
        return passed.answer

    async def _ask(self, request: Request) -> Answer:
        """Ask the engine what an interceptor sends; the record's clock runs for this only."""
        self.request, self.started = request, time.time()
        clock = time.perf_counter()
        try:
            return await self.engine.generate(request)
        finally:
            self._seconds = time.perf_counter() - clock

    def record(self, answer: Answer, error: str | None = None) -> list[str | None]:
        """Record every completion of an answer; the turns' ids, `None` where nothing is recorded."""
        if self.recorder is None:
            return [None] * len(answer.completions)
        return [*self.recorder.call(self._recorded(answer, error))]

    def record_failure(self, error: BaseException, why: str | None = None) -> None:
        """Record that there is no answer."""
        if self.recorder is not None:
            nothing = Answer(completions=(Completion(text=""),), policy=self.engine.policy)
            call = self._recorded(nothing, why or str(error))
            call.completions[0].metadata = {"error": type(error).__name__}
            self.recorder.call(call)

    def _recorded(self, answer: Answer, error: str | None = None) -> RecordedCall:
        return RecordedCall(
            role=self.role,
            node=self.node,
            parents=self.parents,
            messages=self.request.messages,
            tools=self.request.tools,
            tool_choice=self.request.tool_choice,
            sampling=self.request.sampling,
            model=answer.model or self.engine.name,
            policy=answer.policy,
            started=self.started,
            seconds=time.perf_counter() - self._clock if self._seconds is None else self._seconds,
            prompt_token_ids=answer.prompt_token_ids,
            completions=[
                Sample(
                    completion=completion.text,
                    finish_reason=completion.finish_reason,
                    token_ids=completion.token_ids,
                    logprobs=completion.logprobs,
                    tool_calls=completion.tool_calls,
                    metadata=self._metadata,
                )
                for completion in answer.completions
            ],
            samples=self.request.n,
            author=self._author,
            error=error,
        )


def make_call(
    engine: Engine,
    messages: tuple[Mapping[str, Any], ...],
    sampling: Sampling,
    *,
    node: str | None,
    stop: Sequence[str] | None,
    options: Mapping[str, Any],
    quoted: Mapping[int, Quoted] | None = None,
) -> Call:
    """Read a call's keyword arguments.

    Raises:
        UserError: One is unknown or has an impossible value.
    """
    unknown = sorted(set(options) - set(SAMPLING) - set(OTHERS) - set(IGNORED))
    if unknown:
        known = ", ".join(sorted((*SAMPLING, *OTHERS)))
        raise UserError(f"a chat model's call has no argument {unknown[0]!r}; it has: {known}.")
    n = options.get("n", 1)
    if not isinstance(n, int) or n < 1:
        raise UserError(f"n={n!r}: ask for one completion or more.")
    changes = {name: options[name] for name in SAMPLING if options.get(name) is not None}
    if stop:
        changes["stop"] = stop
    role = options.get("role") or node or "model"
    asked = changed(sampling, changes)
    return Call(
        engine=engine,
        request=Request(
            messages=messages,
            sampling=asked,
            n=n,
            tools=tuple(options.get("tools") or ()),
            tool_choice=options.get("tool_choice"),
            quoted=quoted or {},
            role=role,
            node=node,
            seed=request_seed(messages, asked, n, role),
        ),
        role=role,
        node=node,
        parents=_parents(options.get("parents") or ()),
    )


def _parents(given: Sequence[str]) -> tuple[str, ...]:
    wrong = [each for each in given if not isinstance(each, str)]
    if wrong or isinstance(given, str):
        shown = type(wrong[0]).__name__ if wrong else "one text"
        raise UserError(f"parents are the ids of turns (message.response_metadata['turn_id']), not {shown}.")
    return tuple(given)


def changed(sampling: Sampling, changes: Mapping[str, Any]) -> Sampling:
    """Give sampling settings with some of them changed.

    Raises:
        UserError: A name is unknown or a value impossible.
    """
    if not changes:
        return sampling
    if isinstance(changes.get("stop"), str):
        changes = {**changes, "stop": (changes["stop"],)}
    try:
        return Sampling.model_validate({**sampling.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        if name not in SAMPLING:
            raise UserError(f"sampling has no setting {name!r}; it has: {', '.join(SAMPLING)}.") from None
        raise UserError(f"sampling: {name}={first['input']!r} is refused: {first['msg']}.") from None
