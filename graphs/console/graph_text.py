"""The graph as text: a node a line with its edges, how often it was visited, breakpoints, and where the session is.

    1x   solver      → reviewer
  → 2x B reviewer    → refiner? | the end?
         refiner     → reviewer

`?` marks an edge that a router decides. Not covered: a drawing with lines; the studio has one.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tutelage.graphs.console.reply import Reply
from tutelage.graphs.console.standing import path_of
from tutelage.graphs.console.styled import Line, Span, line
from tutelage.graphs.console.tables import width_of

if TYPE_CHECKING:
    from tutelage.graphs.debugging.session import Session

__all__ = ["graph_lines"]

PATH = 12
"""Visits that the path shows."""


def graph_lines(session: "Session") -> Reply:
    """Draw a session's graph."""
    edges = session.edges()
    order = list(edges)
    visits = session.visits()
    counts = Counter("/".join((*each.within, each.node)) for each in visits)
    here = None if session.stop is None else path_of(session.stop.visit)
    stops = {each.node for each in session.breakpoints() if each.enabled and each.node}
    widest = max((width_of(_indented(name)) for name in order), default=0)
    lines = [
        line(
            Span("→ " if name == here else "  ", "heading"),
            Span(f"{f'{counts[name]}x' if counts[name] else '':>4} ", "dim"),
            Span("B " if {name, name.rpartition("/")[2]} & stops else "  ", "bad"),
            Span(_indented(name).ljust(widest), "heading" if name == here else "node"),
            Span(_targets(edges.get(name, ())), "dim"),
        )
        for name in order
    ]
    taken = [each.node for each in visits if not each.within]
    data = {
        "nodes": [{"node": name, "visits": counts[name]} for name in order],
        "edges": [[source, *each] for source, targets in edges.items() for each in targets],
        "path": taken,
    }
    return Reply((*lines, _path(taken)), data)


def _indented(name: str) -> str:
    return f"{'  ' * name.count('/')}{name.rpartition('/')[2]}"


def _targets(edges: Iterable[tuple[str, bool]]) -> str:
    named = [f"{_end(target)}{'?' * conditional}" for target, conditional in edges]
    return f"  → {' | '.join(named)}" if named else ""


def _end(target: str) -> str:
    name = target.rpartition("/")[2]
    return {"__end__": "the end", "?": "somewhere"}.get(name, name)


def _path(taken: list[str]) -> Line:
    shown = " → ".join(taken[-PATH:])
    before = "… → " if len(taken) > PATH else ""
    return line(Span("path: ", "dim"), f"{before}{shown}" if taken else "nothing was visited yet")
