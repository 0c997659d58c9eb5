"""Who watches a graph, and where in it a node is: `Watcher`, `Entry`, and the context variable that joins them.

A watcher is told before and after every node, may hold it there (by not returning), change what it reads and gives,
or give a result in its stead. Without a watcher in force a watched graph runs like any other. Not covered: model calls
(`tutelage.agents.interception`).
"""

from collections.abc import Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from langgraph.channels.base import BaseChannel
from langgraph.graph.state import CompiledStateGraph

from tutelage.graphs.debugging.view import Frame

__all__ = ["Crossroads", "Entry", "Place", "Signpost", "Taken", "Watcher", "current_place", "placed"]


@dataclass(slots=True, eq=False)
class Entry:
    """A node about to run, once; the same object names it until it has left."""

    node: str
    step: int
    """LangGraph's super-step in its own graph."""
    index: int | None
    """Which of the packets sent to this node it takes (LangGraph's `Send`); `None` for an edge."""
    parent: "Entry | None"
    """The node whose subgraph this one belongs to; `None` in the outermost graph."""
    app: CompiledStateGraph[Any, Any, Any, Any]
    """The graph that it belongs to."""
    channels: Mapping[str, BaseChannel[Any, Any, Any]]
    """The fields of that graph's state, as LangGraph holds them while it runs."""
    input: Any
    """What the node reads."""
    namespace: str
    """LangGraph's checkpoint namespace of this execution."""
    limit: int
    """How many super-steps its graph may take."""
    writes: MutableSequence[tuple[str, Any]]
    """What LangGraph is to write of it at the end of the super-step, once it has left."""
    result: Any = field(default=None)
    """What it returned; for the watcher's own use."""
    note: Any = field(default=None)
    """For the watcher's own use."""

    @property
    def within(self) -> tuple[str, ...]:
        """The nodes around it, outermost first."""
        return () if self.parent is None else (*self.parent.within, self.parent.node)

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The graphs around it, outermost first; for watchers whose notes have the visit's `number`."""
        around = self.parent
        if around is None:
            return (Frame(),)
        return (*around.frames, Frame(visit=around.note.number, node=around.node, within=around.within))


@dataclass(frozen=True, slots=True)
class Taken:
    """What happens with a node: it runs on `input`, or gives `result` without running."""

    input: Any = None
    result: Any = None
    served: bool = False
    """Whether `result` stands in for the node."""
    steps: int | None = None
    """How many super-steps the graph that the node is may take, where that is changed."""


@dataclass(frozen=True, slots=True)
class Crossroads:
    """A conditional edge that is about to decide."""

    parent: Entry | None
    """The node whose subgraph the edge belongs to."""
    node: str
    """The node that it follows; "__start__" for a conditional entry point."""
    step: int
    index: int | None
    """As in `Entry`."""
    number: int
    """Which of the node's conditional edges, from 0."""
    router: Any
    """LangChain's runnable around the function."""


@dataclass(frozen=True, slots=True)
class Signpost:
    """What a watcher says at a crossroads."""

    entry: Entry | None = None
    """The node to which model calls of the router belong."""
    decided: Any = None
    """What the router is to return."""
    served: bool = False
    """Whether `decided` stands in for the router."""


class Watcher(Protocol):
    """Is told of every node of a graph; every method may wait as long as it likes."""

    async def enter(self, entry: Entry) -> Taken:
        """Say what happens with a node that is about to run."""

    async def leave(self, entry: Entry, result: Any) -> Any:
        """Give what a node that ran returns to the graph; routers read it afterwards."""

    async def fail(self, entry: Entry, error: Exception) -> Taken | None:
        """Say what happens with a node that raised: it raises on (`None`), runs again, or gives a result."""

    async def ask(self, entry: Entry, question: Any) -> Any:
        """Answer what a node asks by LangGraph's `interrupt(question)`.

        Raises:
            NotImplementedError: Nobody answers; the interrupt goes its usual way.
        """

    def approach(self, crossroads: Crossroads) -> Signpost:
        """Say what happens with a conditional edge that is about to decide."""

    def route(self, crossroads: Crossroads, read: Mapping[str, Any], decided: Any) -> None:
        """Hear what a conditional edge that ran has read and returned."""


@dataclass(frozen=True, slots=True)
class Place:
    """The watcher in force, and the node around the graph that runs."""

    watcher: Watcher
    entry: Entry | None = None


_current: ContextVar[Place | None] = ContextVar("tutelage_place", default=None)


def current_place() -> Place | None:
    """Give the place in force; `None` where nobody watches."""
    return _current.get()


@contextmanager
def placed(place: Place | None) -> Iterator[None]:
    """Let a watcher see the nodes that run inside the block."""
    token = _current.set(place)
    try:
        yield
    finally:
        _current.reset(token)
