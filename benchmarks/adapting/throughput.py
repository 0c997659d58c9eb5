"""Tokens a second of one engine: a batch over several adapters mixed, and the same batch over one of them.

The two take turns, so that whatever else the machine does falls on both. Not covered: several engines.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

from tutelage.agents import ChatModel

__all__ = ["ratio", "tokens_a_second"]


def tokens_a_second(models: Sequence[ChatModel], prompts: Sequence[str], max_tokens: int) -> float:
    """Sampled tokens a second of one batch, whose prompts go round the models."""
    chosen = [model.with_sampling(temperature=1.0, max_tokens=max_tokens) for model in models]

    async def batch() -> list[Any]:
        asked = [chosen[at % len(chosen)].sample(prompt) for at, prompt in enumerate(prompts)]
        return [answer for (answer,) in await asyncio.gather(*asked)]

    started = time.monotonic()
    answers = asyncio.run(batch())
    seconds = time.monotonic() - started
    return sum(len(answer.response_metadata["token_ids"]) for answer in answers) / seconds


def ratio(
    first: Sequence[ChatModel],
    second: Sequence[ChatModel],
    prompts: Sequence[str],
    max_tokens: int,
    times: int,
) -> dict[str, Any]:
    """Compare two ways to answer a batch.

    Args:
        first: the models of one way; their figure is over the other's.
        second: those of the other.
        prompts: the batch.
        max_tokens: of each answer.
        times: how often each way answers it, in turn; a first pair is not counted.

    Returns:
        `ratio`, the median over the pairs, `ratios`, and the medians of both in tokens a second.
    """
    pairs = [
        tuple(tokens_a_second(way, prompts, max_tokens) for way in (first, second)) for _ in range(times + 1)
    ][1:]
    ratios = [one / two for one, two in pairs]
    return {
        "ratio": statistics.median(ratios),
        "ratios": [round(each, 3) for each in ratios],
        "first": round(statistics.median(one for one, _ in pairs)),
        "second": round(statistics.median(two for _, two in pairs)),
    }
