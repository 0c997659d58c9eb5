"""`ChatModel`: an engine as a LangChain chat model, and the one place where turns are recorded.

It works wherever LangChain's chat models do: nodes of a LangGraph, chains, `stream`, `bind_tools`. Besides,
`sample` asks for several completions of one prompt at once, which engines answer together.

A turn's role is the argument `role`, else the LangGraph node that asks, else `"model"`. Not covered: media,
LangChain's response cache (an answer from a cache is not sampled, and is not recorded).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Annotated, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, SkipValidation, model_validator

from tutelage.agents.call import SAMPLING, Call, changed, make_call
from tutelage.agents.engine import Answer, Engine, Piece
from tutelage.agents.engines.adapted_engine import adapted
from tutelage.agents.gathering import Gathering
from tutelage.agents.messages import (
    ai_message,
    as_dicts,
    metadata_of,
    sampled_ids,
    tool_call_chunks,
    usage_of,
    whole_piece,
)
from tutelage.agents.sync import iterate_blocking, run_blocking
from tutelage.errors import TutelageError, UserError
from tutelage.types import Sampling

__all__ = ["ChatModel"]

RunManager = CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None


class ChatModel(BaseChatModel):
    """A chat model over an `Engine`; `connect` and `scripted` make them.

    Sampling settings may also be given by their own names: `ChatModel(engine=e, temperature=0,
    max_tokens=64)`.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    engine: Annotated[Engine, SkipValidation] = Field(exclude=True)
    """Who computes; shared by all copies."""
    sampling: Sampling = Field(default_factory=Sampling)
    """What holds where a call says nothing else."""
    streaming: bool | None = None
    """`True` makes `invoke` stream to callbacks, `False` makes `stream` give the whole answer at once."""

    @model_validator(mode="before")
    @classmethod
    def _gather_sampling(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not any(name in values for name in SAMPLING):
            return values
        changes = {name: values[name] for name in SAMPLING if values.get(name) is not None}
        rest = {name: value for name, value in values.items() if name not in SAMPLING}
        return {**rest, "sampling": changed(rest.get("sampling") or Sampling(), changes)}

    @model_validator(mode="after")
    def _take_name(self) -> Self:
        if self.name is None:
            self.name = self.engine.name
        return self

    @property
    def policy(self) -> str:
        """Which weights speak now."""
        return self.engine.policy

    @property
    def context_length(self) -> int | None:
        """Tokens of prompt and answer together; `None` where unknown."""
        return self.engine.context_length

    def reload(self, directory: str | Path) -> None:
        """Take the weights of a directory, without a restart; what is in flight finishes first.

        Raises:
            ModelDirectoryError: The directory is broken, or holds another architecture; nothing has changed.
            UserError: The engine keeps its own weights (a server).
            EngineError: The engine could not take them.
        """
        self.engine.reload(Path(directory))

    def close(self) -> None:
        """Free the engine; copies of this model lose it too."""
        self.engine.close()

    def __enter__(self) -> Self:
        """Use the model in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it at the end of the block."""
        self.close()

    def with_sampling(self, sampling: Sampling | None = None, **changes: Any) -> "ChatModel":
        """Give a copy over the same engine that samples differently.

        Args:
            sampling: The new settings; without, those of this model.
            changes: Single settings by name, such as `temperature=0`.

        Raises:
            UserError: A setting is unknown or has an impossible value.
        """
        return self.model_copy(update={"sampling": changed(sampling or self.sampling, changes)})

    def with_adapter(self, adapter: str | None) -> "ChatModel":
        """Give a copy over the same engine that answers with one of its LoRA adapters.

        Args:
            adapter: Its name, as it was given to `connect(..., adapters={name: directory})`, or what a server
                calls it; `None` for the base weights.

        Raises:
            UserError: The engine has no such adapter.
        """
        engine = adapted(self.engine, adapter)
        return self.model_copy(update={"engine": engine, "name": engine.name})

    async def sample(
        self,
        messages: LanguageModelInput,
        *,
        n: int = 1,
        role: str | None = None,
        parents: Sequence[str] = (),
        sampling: Sampling | None = None,
    ) -> list[AIMessage]:
        """Ask for `n` completions of one prompt at once.

        Args:
            messages: A string, messages, or OpenAI-shaped dictionaries.
            n: How many.
            role: Who speaks, for the record.
            parents: Ids of the turns that this call builds on, for the record.
            sampling: The settings of this call; without, those of the model.

        Returns:
            `n` messages, in the order of their samples.

        Raises:
            ContextTooLong: The prompt leaves no room for an answer.
            UserError: An argument or a setting is refused.
            EngineError: There is no answer.
        """
        model = self if sampling is None else self.with_sampling(sampling)
        options: dict[str, Any] = {"n": n, "role": role, "parents": tuple(parents)}
        prompt = self._convert_input(messages).to_messages()
        if _somebody_listens(self.callbacks):
            config = var_child_runnable_config.get() or {}
            result = await model.agenerate(
                [prompt],
                callbacks=config.get("callbacks"),
                tags=config.get("tags"),
                metadata=config.get("metadata"),
                **options,
            )
            return [_message(generation) for generation in result.generations[0]]
        return await model._messages(model._call(prompt, None, None, options))

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools with every call (servers and scripts only).

        Args:
            tools: Functions, classes, LangChain tools or OpenAI-shaped dictionaries.
            tool_choice: `"auto"`, `"none"`, `"any"` (or `True`) for some tool, or a tool's name.
            strict: OpenAI's strict schemas.
            kwargs: Further arguments of the call.
        """
        offered = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        return self.bind(tools=offered, tool_choice=_tool_choice(tool_choice, offered), **kwargs)

    @property
    def _llm_type(self) -> str:
        return "tutelage"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": self.engine.name, "policy": self.policy, **self.sampling.model_dump(mode="json")}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider="tutelage",
            ls_model_name=kwargs.get("model", self.engine.name),
            ls_model_type="chat",
            ls_temperature=kwargs.get("temperature", self.sampling.temperature),
            ls_max_tokens=kwargs.get("max_tokens", self.sampling.max_tokens),
        )
        if stops := list(stop or self.sampling.stop):
            params["ls_stop"] = stops
        return params

    def _streaming_disabled(self, **kwargs: Any) -> bool:
        """Several completions cannot be one stream."""
        return kwargs.get("n", 1) != 1 or super()._streaming_disabled(**kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(run_blocking(self._messages(self._call(messages, stop, run_manager, kwargs))))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(await self._messages(self._call(messages, stop, run_manager, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from iterate_blocking(self._chunks(self._call(messages, stop, run_manager, kwargs)))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with aclosing(self._chunks(self._call(messages, stop, run_manager, kwargs))) as chunks:
            async for chunk in chunks:
                yield chunk

    def _call(
        self,
        messages: Sequence[BaseMessage],
        stop: Sequence[str] | None,
        run_manager: RunManager,
        options: Mapping[str, Any],
    ) -> Call:
        return make_call(
            self.engine,
            as_dicts(messages),
            self.sampling,
            node=_node(run_manager),
            stop=stop,
            options=options if options.get("parents") else {**options, "parents": _quoted_turn(messages)},
            quoted=sampled_ids(messages),
        )

    async def _messages(self, call: Call) -> list[AIMessage]:
        answer, turns = await call.answer()
        return [
            _with_turn(ai_message(answer, completion, self.engine.name), turn)
            for completion, turn in zip(answer.completions, turns, strict=True)
        ]

    async def _chunks(self, call: Call) -> AsyncGenerator[ChatGenerationChunk, None]:
        if call.interceptor is not None:
            answer, (turn,) = await call.answer()
            yield _chunk(whole_piece(answer))
            yield self._last_chunk(answer, turn)
            return
        gathering = Gathering()
        try:
            async for piece in self.engine.stream(call.request):
                gathering.add(piece)
                if piece.text or piece.tool_calls:
                    yield _chunk(piece)
        except (GeneratorExit, asyncio.CancelledError):
            with suppress(TutelageError):
                call.record(gathering.answer(), error="the reader left before the end")
            raise
        except Exception as error:
            call.record(gathering.answer(), error=str(error))
            raise
        answer = gathering.answer()
        (turn,) = call.record(answer)
        yield self._last_chunk(answer, turn)

    def _last_chunk(self, answer: Answer, turn: str | None) -> ChatGenerationChunk:
        completion = answer.completions[0]
        message = AIMessageChunk(
            content="",
            usage_metadata=usage_of(answer, completion),
            response_metadata=metadata_of(answer, completion, self.engine.name),
            chunk_position="last",
        )
        return ChatGenerationChunk(message=_with_turn(message, turn))


def _chunk(piece: Piece) -> ChatGenerationChunk:
    message = AIMessageChunk(content=piece.text, tool_call_chunks=tool_call_chunks(piece))
    return ChatGenerationChunk(message=message)


def _quoted_turn(messages: Sequence[BaseMessage]) -> tuple[str, ...]:
    """The turn that the newest answer in a prompt says it is; none where there is no such answer."""
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            turn = message.response_metadata.get("turn_id")
            return (turn,) if isinstance(turn, str) else ()
    return ()


def _node(run_manager: RunManager) -> str | None:
    """The LangGraph node that asks, if any."""
    metadata = (
        run_manager.metadata if run_manager else (var_child_runnable_config.get() or {}).get("metadata")
    )
    return (metadata or {}).get("langgraph_node")


def _somebody_listens(own: Any) -> bool:
    """Whether a callback handler wants to hear of this call; without one, LangChain's bookkeeping is
    spared."""
    config: RunnableConfig = var_child_runnable_config.get() or {}
    callbacks = config.get("callbacks")
    return bool(own) or bool(getattr(callbacks, "handlers", callbacks))


def _tool_choice(choice: str | dict[str, Any] | bool | None, tools: list[dict[str, Any]]) -> Any:
    if choice is None or isinstance(choice, dict) or choice in ("auto", "none", "required"):
        return choice
    if choice is True or choice == "any":
        return "required"
    names = [tool["function"]["name"] for tool in tools]
    if choice not in names:
        raise UserError(f"tool_choice={choice!r} is none of the tools: {', '.join(names)}.")
    return {"type": "function", "function": {"name": choice}}


def _with_turn(message: Any, turn: str | None) -> Any:
    if turn is not None:
        message.response_metadata["turn_id"] = turn
    return message


def _message(generation: object) -> AIMessage:
    assert isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage)
    return generation.message


def _result(messages: Sequence[AIMessage]) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message) for message in messages])
