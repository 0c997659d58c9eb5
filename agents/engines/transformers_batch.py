"""One call of `transformers.generate` for a left-padded batch, with the log-probability of every sampled
token.

Log-probabilities are raw: the log-softmax, in float32, of the logits before temperature and top-p, as vLLM
gives them by default. Rows end each by its own token budget, at an end-of-sequence token of the model's
`generation_config`, or at a stop string. Nothing but temperature and top-p shapes the sampling, whatever
else the `generation_config` holds.

Imported only when a transformers engine starts, since it imports torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList, TopPLogitsWarper

from tutelage.types import Sampling

__all__ = ["Row", "RowResult", "generate_batch"]

Decode = Callable[[Sequence[int]], str]
OnToken = Callable[[int, float], None]

TAIL = 16
"""Tokens decoded beyond a stop string's own length when looking for it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence to continue."""

    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling
    """`max_tokens` and `logprobs` aside, the same for all rows of a batch."""
    on_token: OnToken | None = None
    """Called with every sampled token's id and log-probability as it comes, in the worker's thread."""
    adapter: str | None = None
    """The LoRA adapter that answers, the same for all rows of a batch; the caller has made it active."""
    seed: int | None = None
    """Of its own random numbers; all rows of a batch have one, or none has."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """What was sampled, the end-of-sequence token included."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: str
    text: str


@torch.inference_mode()
def generate_batch(model: Any, decode: Decode, rows: Sequence[Row]) -> list[RowResult]:
    """Continue every row once.

    Args:
        model: A causal language model of transformers, on its device.
        decode: Token ids to text, without special tokens.
        rows: At least one; their prompts may differ in length.

    Returns:
        One result a row, in order.
    """
    ends = _end_tokens(model)
    watch = _Watch(rows, ends, decode)
    prompts, mask = _left_pad([row.prompt for row in rows], model.device)
    sampling = rows[0].sampling
    seeded = rows[0].seed is not None and sampling.temperature > 0
    shape: dict[str, Any] = {"do_sample": sampling.temperature > 0 and not seeded}
    if shape["do_sample"]:
        shape |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max(row.max_tokens for row in rows),
        pad_token_id=0,
        eos_token_id=ends or None,
        **shape,
    )
    model.generate(
        input_ids=prompts,
        attention_mask=mask,
        generation_config=config,
        logits_processor=LogitsProcessorList([watch.see_logits, *([_Dice(rows)] if seeded else [])]),
        stopping_criteria=StoppingCriteriaList([watch.see_tokens]),
    )
    return watch.results()


class _Dice:
    """Draws each row's tokens with the row's own random numbers: a logits processor that leaves one token a row."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._sampling = rows[0].sampling
        self._drawn = torch.stack([_uniform(row, max(each.max_tokens for each in rows)) for row in rows])
        self._step = 0

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Take the first token whose cumulated probability is above the row's number."""
        kept = scores.double() / self._sampling.temperature
        if self._sampling.top_p < 1:
            kept = TopPLogitsWarper(self._sampling.top_p)(input_ids, kept)
        heights = torch.softmax(kept, dim=-1).cumsum(dim=-1)
        drawn = self._drawn[:, self._step, None].to(heights.device) * heights[:, -1:]
        self._step += 1
        token = torch.searchsorted(heights, drawn, right=True).clamp(max=heights.shape[-1] - 1)
        return torch.full_like(scores, -torch.inf).scatter_(1, token, 0.0)


def _uniform(row: Row, count: int) -> Any:
    """The row's random numbers, one a token; the first ones do not depend on how many are asked for."""
    generator = torch.Generator().manual_seed(row.seed or 0)
    return torch.rand(count, generator=generator, dtype=torch.float64)


class _Watch:
    """Follows a batch step by step: which token each row got, with which log-probability, and who has
    ended."""

    def __init__(self, rows: Sequence[Row], ends: Sequence[int], decode: Decode) -> None:
        self._rows = rows
        self._ends = frozenset(ends)
        self._decode = decode
        self._stops = rows[0].sampling.stop
        self._longest_stop = max((len(stop) for stop in self._stops), default=0)
        self._ids: list[list[int]] = [[] for _ in rows]
        self._logprobs: list[list[float]] = [[] for _ in rows]
        self._reasons: list[str | None] = [None] * len(rows)
        self._distribution: Any = None

    def see_logits(self, input_ids: Any, scores: Any) -> Any:
        """Keep this step's distribution; a logits processor that changes nothing."""
        self._distribution = torch.log_softmax(scores.float(), dim=-1)
        return scores

    def see_tokens(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Take this step's tokens; a stopping criterion: true for rows that have ended."""
        tokens = input_ids[:, -1]
        chosen = self._distribution.gather(1, tokens[:, None]).squeeze(1)
        for index, (token, logprob) in enumerate(zip(tokens.tolist(), chosen.tolist(), strict=True)):
            if self._reasons[index] is None:
                self._take(index, token, logprob)
        return torch.tensor([reason is not None for reason in self._reasons], device=input_ids.device)

    def results(self) -> list[RowResult]:
        return [self._result(index) for index in range(len(self._rows))]

    def _take(self, index: int, token: int, logprob: float) -> None:
        row, ids = self._rows[index], self._ids[index]
        ids.append(token)
        self._logprobs[index].append(logprob)
        if row.on_token:
            row.on_token(token, logprob)
        if token in self._ends or self._at_stop(ids):
            self._reasons[index] = "stop"
        elif len(ids) >= row.max_tokens:
            self._reasons[index] = "length"

    def _at_stop(self, ids: list[int]) -> bool:
        if not self._stops:
            return False
        tail = self._decode(ids[-self._longest_stop - TAIL :])
        return any(stop in tail for stop in self._stops)

    def _result(self, index: int) -> RowResult:
        ids = self._ids[index]
        text = self._decode(ids[:-1] if ids[-1] in self._ends else ids)
        cuts = [text.find(stop) for stop in self._stops if stop in text]
        return RowResult(
            token_ids=tuple(ids),
            logprobs=tuple(self._logprobs[index]),
            finish_reason=self._reasons[index] or "length",
            text=text[: min(cuts)] if cuts else text,
        )


def _end_tokens(model: Any) -> list[int]:
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = model.config.get_text_config().eos_token_id
    if ends is None:
        return []
    return [int(end) for end in ends] if isinstance(ends, (list, tuple)) else [int(ends)]


def _left_pad(prompts: Sequence[Sequence[int]], device: Any) -> tuple[Any, Any]:
    longest = max(len(prompt) for prompt in prompts)
    ids = [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
