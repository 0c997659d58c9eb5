"""Several greedy completions of one prompt, for engines that compute only one of them a request.

vLLM refuses `n` above 1 at temperature 0, in process and as a server, since all would be the same. Up to rounding
they are; whoever asks for them gets them, computed one request each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from tutelage.agents.engine import Answer, Request

__all__ = ["answer_singly", "is_greedy_group"]


def is_greedy_group(request: Request) -> bool:
    """Whether a request asks for several completions at temperature 0."""
    return request.n > 1 and request.sampling.temperature == 0


async def answer_singly(request: Request, answer: Callable[[Request], Awaitable[Answer]]) -> Answer:
    """Ask for each completion by itself, all at once, and join the answers."""
    one = replace(request, n=1)
    answers = await asyncio.gather(*(answer(one) for _ in range(request.n)))
    counts = [each.completion_tokens for each in answers]
    return replace(
        answers[0],
        completions=tuple(each.completions[0] for each in answers),
        completion_tokens=None if None in counts else sum(count or 0 for count in counts),
    )
