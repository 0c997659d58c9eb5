"""A page of a turn's tokens: ids, texts, log-probabilities and surprise, and the most surprising ones of all.

Surprise is in bits, log-probabilities in nats. Read by the slice, since a turn may have millions. Not covered: how
tokens are spelled (`tutelage.graphs.debugging.spelling`).
"""

import math
from collections.abc import Sequence
from typing import Any

from tutelage.errors import UserError
from tutelage.graphs.debugging.spelling import CONTEXT, Spelling, Tokenizers, tokenizer_directory
from tutelage.traces import Run
from tutelage.traces.turn_heads import TurnHead, head_of, token_slice

__all__ = ["LONGEST_PAGE", "token_page"]

LONGEST_PAGE = 5000


def token_page(
    run: Run, turn_id: str, tokenizers: Tokenizers, offset: int = 0, limit: int = 1000
) -> dict[str, Any]:
    """Give tokens from an offset on; those of the prompt from the same offset.

    Raises:
        UserError: There is no such turn, or the offset is no place.
    """
    if offset < 0 or not 0 < limit <= LONGEST_PAGE:
        raise UserError(f"tokens begin at 0 or later, 1 to {LONGEST_PAGE} at once")
    head = head_of(run, turn_id)
    first = max(0, offset - CONTEXT)
    before = offset - first
    found = token_slice(run, turn_id, first, before + limit + CONTEXT)
    spelling, why = _spelling(head, tokenizers, (*found.ids, *found.prompt))
    logprobs = found.logprobs
    page = slice(before, before + limit)
    texts, asked = (_texts(spelling, ids, page) for ids in (found.ids, found.prompt))
    values = [None] * len(found.ids[page]) if logprobs is None else list(logprobs[page])
    return {
        "available": found.total is not None,
        "why": _missing(head) if found.total is None else why,
        "total": found.total,
        "prompt_total": found.prompt_total,
        "offset": offset,
        "tokens": [
            {"id": id, "text": text, "logprob": value, "surprise": _bits(value)}
            for id, text, value in zip(found.ids[page], texts, values, strict=True)
        ],
        "prompt": [{"id": id, "text": text} for id, text in zip(found.prompt[page], asked, strict=True)],
        "surprising": [
            {"index": at, "id": id, "text": _one(spelling, id), "logprob": value, "surprise": _bits(value)}
            for at, id, value in found.least_likely
        ],
    }


def _spelling(
    head: TurnHead, tokenizers: Tokenizers, ids: Sequence[int]
) -> tuple[Spelling | None, str | None]:
    directory = tokenizer_directory(head.model)
    if directory is None:
        return None, f"no tokenizer of {head.model} is at hand, so tokens have no texts"
    try:
        spelling = tokenizers.of(directory)
    except UserError as error:
        return None, f"{error}, so tokens have no texts"
    if not spelling.knows(ids):
        return None, f"the tokenizer in {str(directory)!r} is not the one that made these ids"
    return spelling, None


def _texts(spelling: Spelling | None, ids: Sequence[int], page: slice) -> Sequence[str | None]:
    start, end, _ = page.indices(len(ids))
    return [None] * (end - start) if spelling is None else spelling.texts(ids, start, end)


def _one(spelling: Spelling | None, id: int) -> str | None:
    return None if spelling is None or not spelling.knows([id]) else spelling.whole([id])


def _bits(logprob: float | None) -> float | None:
    return None if logprob is None or not math.isfinite(logprob) else 0.0 - logprob / math.log(2)


def _missing(head: TurnHead) -> str:
    if head.author is not None:
        return f"written by {head.author}, so no tokens were sampled"
    return "no token ids are on record: the engine of this turn gave none"
