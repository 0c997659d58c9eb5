"""The solutions that a solution was made from, as a tree."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tutelage.graphs.console.styled import Line, Span, Style, brief, line
from tutelage.graphs.console.visit_text import DIGITS
from tutelage.types import Score

if TYPE_CHECKING:
    from tutelage.graphs.debugging.lineage import CandidateParent

__all__ = ["tree_lines"]


def tree_lines(node: "CandidateParent", width: int, indent: str = "", mark: str = "") -> Iterator[Line]:
    """Draw a candidate with its parents below it."""
    who = node.author or node.role or "?"
    name = (node.turn_id or node.candidate_id or "")[-DIGITS:]
    answer = "" if node.answer is None else f" answer {node.answer}"
    spans = [Span(f"{indent}{mark}", "dim"), Span(who, "node"), Span(f" {name}{answer} ")]
    for score in node.scores:
        spans.append(Span(f"{score.name} {_value(score)} ", _style(score)))
    spans.append(Span(brief(node.text, max(20, width - 50)), "dim"))
    yield line(*spans)
    below = indent + {"├ ": "│ ", "└ ": "  "}.get(mark, "")
    for at, parent in enumerate(node.parents, 1):
        yield from tree_lines(parent, width, below, "└ " if at == len(node.parents) else "├ ")
    if node.cut:
        yield line(Span(f"{below}└ … stands elsewhere in this tree", "dim"))


def _value(score: Score) -> str:
    if score.passed is None:
        return "undecided" if score.value != score.value else f"{score.value:.3g}"
    return "right" if score.passed else "wrong"


def _style(score: Score) -> Style:
    if score.passed is None:
        return "plain"
    return "good" if score.passed else "bad"
