"""The contract between a chat model and whatever computes its words: `Engine`, and what goes in and out.

An engine is asked for `n` samples of one prompt and gives text together with what training needs: the exact
prompt token ids, the sampled token ids and their log-probabilities. What an engine cannot know is `None`,
never a filler. Turns are not recorded here; that is the chat model's work.

Log-probabilities are those of the model's own distribution (vLLM's `raw_logprobs`): the log-softmax of the
logits *before* temperature, top-p and any other change that sampling makes. They are in nats, one a sampled
token, the end-of-sequence token included where it was sampled.

Not covered: images and other media, log-probabilities of the prompt or of tokens that were not sampled.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from tutelage.errors import UserError
from tutelage.types import Sampling

__all__ = ["Answer", "Completion", "Engine", "Piece", "Quoted", "Request", "refuse_begun"]

Quoted: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""An earlier answer token by token: the ids that were read, and those that were said."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt and how often it is to be answered."""

    messages: tuple[Mapping[str, Any], ...]
    """OpenAI-shaped messages: `role`, `content`, and `tool_calls` / `tool_call_id` where there are any."""
    sampling: Sampling = field(default_factory=Sampling)
    n: int = 1
    """How many independent completions."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """Tools in OpenAI's shape; an engine that cannot offer them raises `UserError`."""
    tool_choice: str | Mapping[str, Any] | None = None
    """`"auto"`, `"none"`, `"required"`, or OpenAI's `{"type": "function", ...}`."""
    adapter: str | None = None
    """The LoRA adapter that is to answer, by its name at the engine; `None`: the base weights."""
    quoted: Mapping[int, Quoted] = field(default_factory=dict)
    """Answers among the messages, by index, whose ids the caller still holds; an engine checks them before use."""
    begun: tuple[int, ...] = ()
    """Token ids with which the answer begins already: engines over local weights go on from there and give what comes
    after, others raise `UserError`."""
    role: str | None = None
    """Who speaks, as the record names it; it changes no answer, but tells equal requests apart in a replay."""
    node: str | None = None
    """The LangGraph node that asks, if any; for the same."""
    seed: int | None = None
    """Of its samples, where somebody wants them again (`tutelage.agents.seeding`); engines that have no seed a request
    leave it aside."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled answer."""

    text: str
    """The answer as people read it: special tokens and the stop string are left out."""
    finish_reason: str | None = None
    """`"stop"`, `"length"`, `"tool_calls"`, …; `None` where the engine does not say."""
    token_ids: tuple[int, ...] | None = None
    """Every sampled token, the end-of-sequence token and the stop string's tokens included."""
    logprobs: tuple[float, ...] | None = None
    """One value a token of `token_ids` (or of the server's own tokens, where it gives no ids)."""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    """Tool calls in OpenAI's shape, arguments as the JSON text that the model wrote."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All completions of one request."""

    completions: tuple[Completion, ...]
    prompt_token_ids: tuple[int, ...] | None = None
    policy: str = ""
    """The weights that spoke, as `Engine.policy` names them."""
    model: str = ""
    """Who spoke, where the engine passes on what another said; empty for the engine itself."""
    prompt_tokens: int | None = None
    """Length of the prompt where the engine counts it without giving the ids."""
    completion_tokens: int | None = None
    """Tokens of all completions together where the engine counts them without giving the ids."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a stream gives next; the pieces of a stream joined are one completion and its answer."""

    text: str = ""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    """OpenAI's deltas: `index`, and whatever of `id`, `function.name`, `function.arguments` is new."""
    finish_reason: str | None = None
    """Set on the last piece that has text, or on one of its own."""
    prompt_token_ids: tuple[int, ...] | None = None
    policy: str = ""
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Engine(Protocol):
    """Answers requests; awaitable from any event loop, safe to share between threads.

    Errors: `ContextTooLong` for a prompt that leaves no room for an answer, `UserError` for settings that the
    engine refuses, `EngineError` (`ServerError` over HTTP) when it cannot answer at all.
    """

    @property
    def name(self) -> str:
        """What `connect` was given, made exact: `"vllm:/models/a"`."""

    @property
    def policy(self) -> str:
        """Which weights speak now: a content hash for local weights, the model's name for a server."""

    @property
    def context_length(self) -> int | None:
        """Tokens of prompt and answer together; `None` where unknown."""

    async def generate(self, request: Request) -> Answer:
        """Answer with `request.n` completions."""

    def stream(self, request: Request) -> AsyncIterator[Piece]:
        """Answer piece by piece; `request.n` is 1."""

    def reload(self, directory: Path) -> None:
        """Take the weights of `directory`; requests in flight finish with the old ones first."""

    def close(self) -> None:
        """Free everything, child processes included; closing twice is harmless."""


def refuse_begun(name: str, request: Request) -> None:
    """Refuse to go on from the beginning of an answer; for engines that read messages only.

    Raises:
        UserError: The request has one.
    """
    if request.begun:
        raise UserError(
            f"{name} cannot go on from the beginning of an answer; engines over local weights can."
        )
