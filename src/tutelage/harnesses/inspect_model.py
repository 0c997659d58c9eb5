"""The provider `tutelage` of Inspect: `inspect eval task.py --model tutelage/embedded -M graph=self_refine -M rounds=1`.

A model answers the messages under Inspect's sampling, several choices at once where they are asked for; tokens, the
reason of the end and, where local weights know them, log-probabilities are told as Inspect has them. A graph is given
the last message of the user as its problem, or the task itself where it is one of ours. A prompt that leaves no room
for an answer ends with `model_length`.

Not covered: tools, media, log-probabilities of tokens that were not sampled, penalties: they are refused. This module
imports inspect_ai.
"""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from langchain_core.messages import AIMessage

from tutelage.errors import ContextTooLong, UserError
from tutelage.harnesses.subject import Question, Reply, Subject, task_of
from tutelage.training.policies import local_directory
from tutelage.types import Sampling

__all__ = ["TutelageAPI"]

TASK = "tutelage_task"
"""The metadata of a message that is one of our tasks."""
REFUSED = (
    "best_of", "frequency_penalty", "logit_bias", "presence_penalty", "prompt_logprobs", "response_schema", "seed",
    "top_k", "top_logprobs",
)  # fmt: skip
REASONS: dict[str | None, StopReason] = {"stop": "stop", "length": "max_tokens", "tool_calls": "tool_calls"}
CONNECTIONS = 64


class TutelageAPI(ModelAPI):
    """A policy or a graph, for Inspect."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 (Inspect's own signature)
        **options: Any,
    ) -> None:
        """Start it.

        Args:
            model_name: a model as our command line takes it, or a model directory.
            base_url: Inspect's; an address is a model of its own here.
            api_key: likewise.
            config: Inspect's defaults.
            options: `graph`, its dials, its sampling, `store`, and settings of the engine.
        """
        super().__init__(model_name, base_url, api_key, [], config)
        self._subject = Subject.open(model_name, "inspect", options)

    def close(self) -> None:
        """Close the engine and the run."""
        self._subject.close()

    def max_connections(self) -> int:
        """How many questions at once."""
        return CONNECTIONS

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Answer.

        Raises:
            UserError: something is asked for that is not covered.
        """
        question = self._question(input, tools, config)
        started = time.monotonic()
        try:
            reply = await self._subject.answer(question)
        except ContextTooLong as error:
            return ModelOutput.from_content(self.model_name, "", "model_length", str(error))
        return ModelOutput(
            model=self.model_name,
            choices=self._choices(reply, config.logprobs is True),
            usage=_usage(reply),
            time=time.monotonic() - started,
        )

    def _question(
        self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo], config: GenerateConfig
    ) -> Question:
        if tools:
            raise UserError("tools are not offered to models of tutelage here; take a task without tools")
        if odd := next((name for name in REFUSED if getattr(config, name)), None):
            raise UserError(
                f"{odd}={getattr(config, odd)!r} has no effect on models of tutelage; leave it out"
            )
        choices = config.num_choices or 1
        if choices > 1 and self._subject.graph is not None:
            raise UserError("a graph gives one answer; leave num_choices out, or use epochs")
        own = self._subject.model.sampling
        sampling = Sampling(
            temperature=own.temperature if config.temperature is None else config.temperature,
            top_p=own.top_p if config.top_p is None else config.top_p,
            max_tokens=config.max_tokens or own.max_tokens,
            stop=tuple(config.stop_seqs or own.stop),
        )
        asked = next((each for each in reversed(messages) if each.role == "user"), None)
        prompt = "" if asked is None else asked.text
        known = None if asked is None else (asked.metadata or {}).get(TASK)
        told = tuple({"role": each.role, "content": each.text} for each in messages)
        return Question(task_of(prompt, known), told, sampling, choices)

    def _choices(self, reply: Reply, logprobs: bool) -> list[ChatCompletionChoice]:
        choices = []
        for index, text in enumerate(reply.texts):
            said = reply.messages[index] if reply.messages else None
            choices.append(
                ChatCompletionChoice(
                    message=ChatMessageAssistant(content=text, model=self.model_name, source="generate"),
                    stop_reason="stop" if said is None else self._reason(said),
                    logprobs=self._logprobs(said) if logprobs and said is not None else None,
                )
            )
        return choices

    def _reason(self, said: AIMessage) -> StopReason:
        reason = REASONS.get(said.response_metadata.get("finish_reason"), "unknown")
        usage, context = said.usage_metadata, self._subject.model.context_length
        full = usage is not None and context is not None and usage["total_tokens"] >= context
        return "model_length" if reason == "max_tokens" and full else reason

    def _logprobs(self, said: AIMessage) -> Logprobs | None:
        ids, values = (said.response_metadata.get(name) for name in ("token_ids", "logprobs"))
        if ids is None or values is None:
            return None
        texts = [self._tokenizer.decode([each]) for each in ids]
        return Logprobs(
            content=[
                Logprob(token=text, logprob=value, bytes=list(text.encode()))
                for text, value in zip(texts, values, strict=True)
            ]
        )

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(local_directory(self._subject.model))


def _usage(reply: Reply) -> ModelUsage | None:
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return None
    return ModelUsage(
        input_tokens=reply.prompt_tokens,
        output_tokens=reply.completion_tokens,
        total_tokens=reply.prompt_tokens + reply.completion_tokens,
    )
