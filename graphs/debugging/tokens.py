"""The tokens of a turn: ids, texts, log-probabilities, and how surprising each was.

Surprise is the negative log-probability in bits (`-log2 p`); log-probabilities are in nats, as they are recorded. Both
are the model's own, before temperature and top-p. What is not on record or cannot be spelled is `None`, with the
reason in `why`. Not covered: tokens that were not sampled.
"""

import heapq
import math
from collections.abc import Sequence
from pathlib import Path

from tutelage.errors import UserError
from tutelage.graphs.debugging.lineage import TokenSpan, token_spans
from tutelage.graphs.debugging.spelling import Spelling, Tokenizers, tokenizer_directory
from tutelage.traces import Turn
from tutelage.types import Data

__all__ = ["Token", "TokenView", "spelling_of", "token_view"]

MOST = 32
"""Most surprising tokens that a view holds, whatever its page."""


class Token(Data):
    """One token in its place."""

    place: int
    """From 0, within the prompt or the completion."""
    id: int | None
    """`None` where a server gave log-probabilities without ids."""
    text: str | None
    """Empty where a later token completes the character; `None` without a tokenizer."""
    logprob: float | None = None
    """Nats."""
    surprise: float | None = None
    """Bits; `None` also where the log-probability is not finite."""
    rank: int | None = None
    """From 1, the most surprising one of the completion; `None` beyond the first few (`TokenView.most`)."""
    special: bool = False
    author: str | None = None
    """Who wrote it where no model sampled it: "person", …; `None` for a model, a template or an environment."""
    turn_id: str | None = None
    """In a prompt: the earlier turn that said this very token."""


class TokenView(Data):
    """A page of a turn's tokens, and numbers of all of them."""

    turn_id: str
    available: bool
    """Whether the completion's tokens are on record."""
    why: str | None = None
    """What is missing, and why."""
    author: str | None = None
    """Who wrote the completion where no model did."""
    offset: int = 0
    """The place of the page's first completion token."""
    tokens: tuple[Token, ...] = ()
    count: int | None = None
    """Tokens of the whole completion."""
    prompt_offset: int = 0
    prompt: tuple[Token, ...] = ()
    prompt_count: int | None = None
    most: tuple[Token, ...] = ()
    """The most surprising tokens of the whole completion, the most surprising one first."""
    mean_logprob: float | None = None
    """Nats a token, over the whole completion."""
    perplexity: float | None = None
    """`exp(-mean_logprob)`."""
    bits: float | None = None
    """Surprise of the whole completion."""

    def surprising(self, k: int = 10) -> tuple[Token, ...]:
        """The k most surprising tokens of the whole completion, as far as the view holds them."""
        return self.most[:k]

    @property
    def text(self) -> str:
        """What the page says, special tokens spelled out; empty without a tokenizer."""
        return "".join(token.text or "" for token in self.tokens)


def token_view(
    turn: Turn,
    tokenizer_dir: str | Path | None = None,
    offset: int = 0,
    limit: int | None = None,
    *,
    tokenizers: Tokenizers | None = None,
    earlier: Sequence[Turn] = (),
    prompt_offset: int = 0,
    prompt_limit: int | None = None,
    most: int = MOST,
) -> TokenView:
    """Look at a turn's tokens.

    Args:
        turn: The turn.
        tokenizer_dir: Where its tokenizer lies; by default in the directory that its model's name holds.
        offset: The first completion token of the page.
        limit: How many completion tokens; `None` for all.
        tokenizers: Where loaded tokenizers are kept; `None` loads anew.
        earlier: Turns that this one builds on (`ancestors`), to tell who said which tokens of the prompt.
        prompt_offset: The first prompt token of the page.
        prompt_limit: How many prompt tokens; `None` for all.
        most: How many of the most surprising tokens.
    """
    ids = turn.completion_token_ids
    spelling, why = spelling_of(turn, tokenizer_dir, tokenizers)
    values = turn.logprobs
    count = len(ids) if ids is not None else len(values) if values is not None else None
    page = range(*slice(offset, None if limit is None else offset + limit).indices(count or 0))
    ranks = _ranks(values, most)
    facts = _Facts(turn, spelling, ranks)
    mean = None if not values else math.fsum(values) / len(values)
    return TokenView(
        turn_id=turn.id,
        available=count is not None,
        why=_missing(turn) or why,
        author=turn.author,
        offset=page.start,
        tokens=facts.tokens(page),
        count=count,
        prompt_offset=prompt_offset,
        prompt=_prompt(turn, spelling, token_spans(turn, earlier), prompt_offset, prompt_limit),
        prompt_count=None if turn.prompt_token_ids is None else len(turn.prompt_token_ids),
        most=tuple(token for place in ranks for token in facts.tokens(range(place, place + 1))),
        mean_logprob=_finite(mean),
        perplexity=None if mean is None else _perplexity(mean),
        bits=None if not values else _bits(math.fsum(values)),
    )


def spelling_of(
    turn: Turn, tokenizer_dir: str | Path | None = None, tokenizers: Tokenizers | None = None
) -> tuple[Spelling | None, str | None]:
    """Find the tokenizer that a turn was read and written with; else say why there is none."""
    directory = tokenizer_directory(turn.model) if tokenizer_dir is None else Path(tokenizer_dir)
    if directory is None or (tokenizer_dir is None and not directory.is_dir()):
        return None, f"no tokenizer of {turn.model} is at hand, so tokens have no texts"
    try:
        spelling = (tokenizers or Tokenizers()).of(directory)
    except UserError as error:
        return None, f"{error}, so tokens have no texts"
    if not all(spelling.knows(ids or ()) for ids in (turn.prompt_token_ids, turn.completion_token_ids)):
        return (
            None,
            f"the tokenizer in {str(directory)!r} has not all of these ids, so it is not the one that made them",
        )
    return spelling, None


class _Facts:
    """What is known of a completion's tokens."""

    def __init__(self, turn: Turn, spelling: Spelling | None, ranks: Sequence[int]) -> None:
        self._turn = turn
        self._spelling = spelling
        self._ranks = {place: rank for rank, place in enumerate(ranks, 1)}

    def tokens(self, page: range) -> tuple[Token, ...]:
        turn, ids, values = self._turn, self._turn.completion_token_ids, self._turn.logprobs
        texts: Sequence[str | None] = _texts(self._spelling, ids, page)
        special = frozenset() if self._spelling is None else self._spelling.special
        return tuple(
            Token(
                place=place,
                id=None if ids is None else ids[place],
                text=text,
                logprob=None if values is None else _finite(values[place]),
                surprise=None if values is None else _bits(values[place]),
                rank=self._ranks.get(place),
                special=ids is not None and ids[place] in special,
                author=turn.author,
            )
            for place, text in zip(page, texts, strict=True)
        )


def _prompt(
    turn: Turn, spelling: Spelling | None, spans: Sequence[TokenSpan], offset: int, limit: int | None
) -> tuple[Token, ...]:
    ids = turn.prompt_token_ids or ()
    page = range(*slice(offset, None if limit is None else offset + limit).indices(len(ids)))
    said = {
        place: span
        for span in spans
        for place in range(max(span.start, page.start), min(span.end, page.stop))
    }
    special = frozenset() if spelling is None else spelling.special
    return tuple(
        Token(
            place=place,
            id=ids[place],
            text=text,
            special=ids[place] in special,
            author=said[place].author if place in said else None,
            turn_id=said[place].turn_id if place in said else None,
        )
        for place, text in zip(page, _texts(spelling, ids, page), strict=True)
    )


def _texts(spelling: Spelling | None, ids: Sequence[int] | None, page: range) -> Sequence[str | None]:
    if spelling is None or ids is None:
        return [None] * len(page)
    return spelling.texts(ids, page.start, page.stop)


def _ranks(values: Sequence[float] | None, most: int) -> list[int]:
    """Places of the most surprising tokens; of equals the earlier first, and none that was sure."""
    known = values or ()
    found = heapq.nsmallest(most, range(len(known)), key=lambda place: (known[place], place))
    return [place for place in found if known[place] < 0]


def _missing(turn: Turn) -> str | None:
    if turn.completion_token_ids is not None:
        return None
    if turn.author is not None:
        return f"written by {turn.author}, so no tokens were sampled"
    return "no token ids are on record: the engine of this turn gave none"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _bits(logprob: float) -> float | None:
    return _finite(0.0 - logprob / math.log(2))


def _perplexity(mean: float) -> float | None:
    try:
        return _finite(math.exp(-mean))
    except OverflowError:
        return None
