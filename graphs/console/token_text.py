"""Tokens as lines: a text in which surprising tokens stand out, and rows of a table."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tutelage.graphs.console.styled import Line, Span, Style, line
from tutelage.graphs.console.visit_text import DIGITS

if TYPE_CHECKING:
    from tutelage.graphs.debugging.tokens import Token, TokenView

__all__ = ["flow", "surprising_cells", "token_cells", "view_line"]

BITS: Sequence[tuple[float, Style]] = ((6.0, "bad"), (3.0, "warning"), (1.0, "bold"))
"""From how many bits on a token stands out, and how: 1 in 64, 1 in 8, 1 in 2."""
AROUND = 4
"""Tokens on both sides of a surprising one."""


def view_line(view: "TokenView") -> Line:
    """Say whose tokens these are, and how sure the model was."""
    count = "tokens not on record" if view.count is None else f"{view.count:,} tokens"
    sure = "" if view.perplexity is None else f", perplexity {view.perplexity:.3g}"
    bits = "" if view.bits is None else f", {view.bits:.1f} bits"
    why = "" if view.why is None else f" ({view.why})"
    return line(Span(view.turn_id[-DIGITS:], "node"), f": {count}{sure}{bits}", Span(why, "dim"))


def flow(tokens: Sequence["Token"]) -> Iterator[Line]:
    """Give the text that tokens make, the surprising ones in colours; nothing where texts are not known."""
    spans: list[Span] = [Span("  ")]
    for token in tokens:
        pieces = (token.text or "").split("\n")
        for at, piece in enumerate(pieces):
            if at:
                yield tuple(spans)
                spans = [Span("  ")]
            if piece:
                spans.append(Span(piece, _style(token)))
    if len(spans) > 1:
        yield tuple(spans)


def token_cells(token: "Token") -> list[str | Span]:
    """Give a token's cells: place, id, text, log-probability, bits."""
    return [
        str(token.place),
        "" if token.id is None else str(token.id),
        _text(token),
        "" if token.logprob is None else f"{token.logprob + 0.0:.3f}".replace("-0.000", "0.000"),
        "" if token.surprise is None else f"{token.surprise:.2f}",
    ]


def surprising_cells(token: "Token", tokens: Sequence["Token"]) -> list[str | Span]:
    """Give a surprising token's cells, with what stands around it."""
    before = tokens[max(0, token.place - AROUND) : token.place]
    after = tokens[token.place + 1 : token.place + 1 + AROUND]
    around = f"{_joined(before)}⟦{token.text or token.id}⟧{_joined(after)}"
    cells = token_cells(token)
    return [*cells[:3], cells[4], around]


def _text(token: "Token") -> Span:
    return Span(
        "" if token.text is None else repr(token.text)[1:-1], "dim" if token.special else _style(token)
    )


def _joined(tokens: Sequence["Token"]) -> str:
    return "".join(each.text or "" for each in tokens)


def _style(token: "Token") -> Style:
    return next((style for least, style in BITS if (token.surprise or 0.0) >= least), "plain")
