"""The model class `tutelage` of lm-evaluation-harness: `--model tutelage --model_args spec=embedded,graph=self_refine`.

Prompts are rendered by us: with `--apply_chat_template` the harness's messages reach the engine as messages, without it
its prompt is one message of the user. Generation is greedy where the task does not sample. Likelihoods are those of
local weights (`TokenScorer`); where the harness applies no chat template they are those of its bare text, which is cut
on the left to fit the context. A prompt that leaves no room for an answer, and a rollout that fails, are answered with
nothing, and said in the log.

Not covered: likelihoods of graphs and of servers, the beginning of an answer in the prompt (`gen_prefix`), several
processes. This module imports lm_eval.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from tutelage.agents import TokenScorer
from tutelage.agents.engine import Request
from tutelage.agents.rendering import rendered
from tutelage.agents.sync import run_blocking
from tutelage.errors import ContextTooLong, EngineError, StoreError, UserError
from tutelage.harnesses.subject import Question, Subject, task_of
from tutelage.training.policies import local_directory
from tutelage.types import Sampling

__all__ = ["TutelageLM"]

CHAT = "\x1ctutelage:"
"""Before messages that travel as text: the harness has only strings."""
IGNORED = ("batch_size", "max_batch_size", "device")
"""The harness's own; a model's batches and device are its engine's."""
SAMPLED = frozenset({"do_sample", "until", "max_gen_toks", "temperature", "top_p"})
log = logging.getLogger(__name__)

Pair = tuple[list[int], list[int]]


class TutelageLM(TemplateLM):
    """A policy or a graph, for lm-eval."""

    def __init__(self, spec: str = "embedded", concurrency: int = 64, **options: Any) -> None:
        """Start it.

        Args:
            spec: a model as our command line takes it, or a model directory.
            concurrency: how many questions at once.
            options: `graph`, its dials, its sampling, `store`, and settings of the engine.
        """
        super().__init__()
        kept = {name: value for name, value in options.items() if name not in IGNORED}
        self._subject = Subject.open(spec, "lm-eval", kept)
        self._concurrency = concurrency

    def close(self) -> None:
        """Close the engine and the run."""
        self._subject.close()

    @property
    def eot_token_id(self) -> int:
        """See `TemplateLM`."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text that nothing stands before."""
        first = self.tokenizer.bos_token_id
        return self.eot_token_id if first is None else int(first)

    @property
    def tokenizer_name(self) -> str:
        """For the harness's cache of requests."""
        return f"tutelage-{self._subject.model.policy}"

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of the weights.

        Raises:
            UserError: they are not on this machine.
        """
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(local_directory(self._subject.model))

    @cached_property
    def _scorer(self) -> TokenScorer:
        if self._subject.graph is not None:
            raise UserError(
                "a graph has no likelihoods, only answers; take tasks of output_type generate_until"
            )
        return TokenScorer(local_directory(self._subject.model))

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Name the template, for the harness's record: it is the engine's."""
        return "tutelage" if chat_template else ""

    def apply_chat_template(
        self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Keep the messages as they are; the engine renders them.

        Raises:
            UserError: the last one is the beginning of an answer.
        """
        if not add_generation_prompt:
            raise UserError(
                "the task begins the model's answer (gen_prefix), which engines of messages cannot; "
                "give another task, or leave out --apply_chat_template"
            )
        return CHAT + json.dumps(list(chat_history))

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """See `TemplateLM`."""
        special = bool(add_special_tokens)
        return list(self.tokenizer.encode(string, add_special_tokens=special))

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """See `LM`; messages are rendered by the engine."""
        _ = self._scorer
        asked = [
            (context, said, *self._encoded(context, said)) for context, said in (r.args for r in requests)
        ]
        return self._loglikelihood_tokens([((c, s), before, after) for c, s, before, after in asked])

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """See `LM`: windows as long as the context, the token that is predicted last included."""
        longest = self._longest()
        found = []
        for request in requests:
            windows = get_rolling_token_windows(
                self.tok_encode(request.args[0]), self.prefix_token_id, longest - 1, 1
            )
            pairs = [make_disjoint_window(each) for each in windows]
            value = sum(map(sum, self._scorer.logprobs_of(pairs)))
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, value)
            found.append(value)
        return found

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """See `LM`."""
        answers: list[str] = run_blocking(self._all(requests))
        return answers

    async def _all(self, requests: Sequence[Instance]) -> list[str]:
        free = asyncio.Semaphore(self._concurrency)

        async def one(request: Instance) -> str:
            async with free:
                return await self._generated(request)

        return await asyncio.gather(*map(one, requests))

    async def _generated(self, request: Instance) -> str:
        context, told = request.args[:2]
        wanted = normalize_gen_kwargs(told, default_max_gen_toks=self._subject.model.sampling.max_tokens)
        until = [each for each in wanted["until"] if each]
        messages = _messages(context)
        place = f"{request.task_name}:{request.doc_id}"
        doc = request.doc if isinstance(request.doc, dict) else {}
        task = task_of(str(messages[-1]["content"]), doc.get("tutelage_task"), place)
        question = Question(task, messages, _sampling(wanted, until))
        try:
            reply = await self._subject.answer(question)
        except (EngineError, StoreError):
            raise
        except Exception as error:
            if self._subject.graph is None and not isinstance(error, ContextTooLong):
                raise
            log.warning("%s is answered with nothing: %s", place, error)
            return ""
        said = str(postprocess_generated_text(reply.texts[0], until, None))
        self.cache_hook.add_partial("generate_until", request.args, said)
        return said

    def _encoded(self, context: str, said: str) -> Pair:
        if context.startswith(CHAT):
            read = run_blocking(rendered(self._subject.model.engine, Request(_messages(context))))
            assert read is not None
            return list(read.token_ids), self.tok_encode(said)
        if context:
            before, after = self._encode_pair(context, said)
            return before, after
        ids = self.tok_encode(said)
        return ([self.prefix_token_id], ids) if ids[0] != self.prefix_token_id else (ids[:1], ids[1:])

    def _loglikelihood_tokens(self, requests: Sequence[Any], **_: Any) -> list[tuple[float, bool]]:
        pairs = [(self._cut(before, after), after) for _, before, after in requests]
        found = []
        for (arguments, _, _), graded in zip(requests, self._scorer.graded_of(pairs), strict=True):
            value = (sum(each.logprob for each in graded), all(each.likeliest for each in graded))
            self.cache_hook.add_partial("loglikelihood", arguments, value)
            found.append(value)
        return found

    def _cut(self, before: list[int], after: list[int]) -> list[int]:
        return before[-max(1, self._longest() - len(after)) :]

    def _longest(self) -> int:
        return int(self._subject.model.context_length or self.tokenizer.model_max_length)


def _messages(context: str) -> tuple[Mapping[str, Any], ...]:
    if context.startswith(CHAT):
        return tuple(json.loads(context.removeprefix(CHAT)))
    return ({"role": "user", "content": context},)


def _sampling(wanted: Mapping[str, Any], until: Sequence[str]) -> Sampling:
    """The harness's wishes as sampling of ours.

    Raises:
        UserError: it wishes for what engines here do not have.
    """
    unknown = sorted(name for name in wanted.keys() - SAMPLED if wanted[name] is not None)
    if unknown:
        raise UserError(
            f"generation_kwargs {unknown[0]!r} is unknown here; known are {', '.join(sorted(SAMPLED))}"
        )
    return Sampling(
        temperature=wanted["temperature"],
        top_p=wanted.get("top_p", 1.0),
        max_tokens=wanted["max_gen_toks"],
        stop=tuple(until),
    )
