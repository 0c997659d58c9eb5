"""Two branches side by side as lines: answers, fields, what was said otherwise, scores.

What went is marked [-so-] and red, what came {+so+} and green, so that it can be read without colours. Not covered:
lines of long texts that are the same; they are left out.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tutelage.graphs.console.standing import change_line
from tutelage.graphs.console.styled import Line, Span, Style, line
from tutelage.graphs.console.visit_text import DIGITS
from tutelage.types import Score

if TYPE_CHECKING:
    from tutelage.graphs.debugging.differences import Difference, Piece, ScorePair, TurnPair

__all__ = ["difference_lines", "piece_lines"]

MARKS = {"-": ("[-", "-]"), "+": ("{+", "+}"), "=": ("", "")}
STYLES: dict[str, Style] = {"-": "bad", "+": "good", "=": "plain"}


def difference_lines(found: "Difference", width: int) -> Iterator[Line]:
    """Show what sets two branches apart; nothing where nothing does."""
    if found.answers[0] != found.answers[1]:
        before, after = (each or "none" for each in found.answers)
        yield line(Span("answer", "bold"), ": ", Span(before, "bad"), " → ", Span(after, "good"))
    for pair in found.turns:
        if not pair.same:
            yield from _turn(pair)
    if found.fields:
        yield line(Span("state at the end or where it is held", "bold"))
    for change in found.fields:
        yield change_line(change, width)
    yield from _scores(found.scores, "")


def piece_lines(pieces: "Iterable[Piece]", indent: str) -> Iterator[Line]:
    """Show compared texts line by line; lines that are the same are left out."""
    spans: list[Span] = []
    changed, left_out = False, 0
    for sign, text in [*((piece.sign, piece.text) for piece in pieces), ("=", "\n")]:
        first, last = MARKS[sign]
        for at, part in enumerate(text.split("\n")):
            if at:
                left_out += not changed
                if changed:
                    yield from _gap(left_out, indent)
                    yield (Span(indent), *spans)
                    left_out = 0
                spans, changed = [], False
            if part:
                spans.append(Span(f"{first}{part}{last}", STYLES[sign]))
            changed = changed or sign != "="
        changed = changed and bool(spans)
    yield from _gap(left_out, indent)


def _gap(count: int, indent: str) -> Iterator[Line]:
    if count > 1:
        yield line(Span(f"{indent}… {count} lines the same", "dim"))


def _turn(pair: "TurnPair") -> Iterator[Line]:
    names = " → ".join("none" if each is None else each[-DIGITS:] for each in (pair.a, pair.b))
    yield line(Span(pair.role, "node"), f" {names}")
    if pair.prompt:
        yield line(Span("  was asked", "dim"))
        yield from piece_lines(pair.prompt, "    ")
    if pair.completion:
        yield line(Span("  said", "dim"))
        yield from piece_lines(pair.completion, "    ")
    yield from _scores(pair.scores, "  ")


def _scores(pairs: "Iterable[ScorePair]", indent: str) -> Iterator[Line]:
    for pair in pairs:
        if _told(pair.a) != _told(pair.b):
            yield line(f"{indent}score ", Span(pair.name, "bold"), f": {_told(pair.a)} → {_told(pair.b)}")


def _told(score: Score | None) -> str:
    if score is None:
        return "none"
    decided = "" if score.passed is None else "right" if score.passed else "wrong"
    return decided or ("undecided" if score.value != score.value else f"{score.value:.4g}")
