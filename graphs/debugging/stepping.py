"""How far a session goes on: a step, to the next node, out of a subgraph, or until something stops it.

A step ends at the next event of any kind: before a node, at a model call, after a node. `next` ends before the next
node of the same or an outer graph, so that subgraphs and model calls pass; `out` ends when the graph around it is left.
Not covered: breakpoints, errors and questions, which stop every mode.
"""

from dataclasses import dataclass
from typing import Literal

from tutelage.graphs.debugging.view import When

__all__ = ["Mode", "ModeKind"]

ModeKind = Literal["start", "run", "step", "next", "out"]


@dataclass(frozen=True, slots=True)
class Mode:
    """How to go on from where it is held."""

    kind: ModeKind
    depth: int = 0
    """How many subgraphs deep the visit was."""
    parent: str | None = None
    """The key of the visit around it."""
    at: int = 0
    """The super-step of the visit."""

    def stops(self, key: str, depth: int, when: When, parent: str | None, step: int) -> bool:
        """Whether this event, of a visit with its key, depth, surrounding visit and super-step, ends the mode."""
        match self.kind:
            case "run":
                return False
            case "start" | "step":
                return True
            case "next":
                return when == "before" and depth <= self.depth and not self.beside(depth, parent, step)
            case "out":
                return depth < self.depth and (when == "before" or key == self.parent)

    def beside(self, depth: int, parent: str | None, step: int) -> bool:
        """Whether a visit runs in parallel with the one from which the mode went on."""
        return (depth, parent, step) == (self.depth, self.parent, self.at)
