"""A copy of a compiled graph whose nodes and routers tell a watcher of themselves, subgraphs included.

The user's graph is not touched. With no watcher in the context (`place.placed`) the copy does what the original does.
Subgraphs that are nodes are copied, too. Not covered: graphs that a node's function calls by itself (they run as
part of that node; their model calls are seen), and LangGraph's functional API.
"""

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableSequence
from itertools import count
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph._internal._config import recast_checkpoint_ns
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand
from langgraph.graph import START
from langgraph.graph._branch import BranchSpec
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel._read import PregelNode

from tutelage.graphs.debugging.place import Crossroads, Entry, Place, Taken, current_place, placed

__all__ = ["App", "watched"]

App = CompiledStateGraph[Any, Any, Any, Any]

PATIENT: Mapping[str, Any] = {
    "checkpointer": None,
    "interrupt_before_nodes": [],
    "interrupt_after_nodes": [],
    "step_timeout": None,
}
READ = "__pregel_read"
SEND = "__pregel_send"
SCRATCHPAD = "__pregel_scratchpad"
NAMESPACE = "checkpoint_ns"


def watched(app: App, *, patient: bool = False) -> App:
    """Copy a graph so that a watcher can follow it.

    Args:
        app: The compiled graph.
        patient: Take away time limits, caches, checkpointers and static interrupts, which make no sense while a person
            looks.
    """
    copy = app.copy(dict(PATIENT) if patient else {})
    nodes = {}
    for name, node in app.nodes.items():
        numbers = count()
        changes: dict[str, Any] = {"writers": [_watched_writer(each, name, numbers) for each in node.writers]}
        if name != START:
            changes["bound"] = Watched(name, _inner(node, patient), copy)
        if patient:
            changes |= {"timeout": None, "cache_policy": None}
        nodes[name] = node.copy(changes)
    copy.nodes = nodes
    return copy


def _inner(node: PregelNode, patient: bool) -> Runnable[Any, Any]:
    bound = node.bound
    return watched(bound, patient=patient) if isinstance(bound, CompiledStateGraph) else bound


def _watched_writer(writer: Runnable[Any, Any], node: str, numbers: Iterator[int]) -> Runnable[Any, Any]:
    """The writer, with its router watched where it has one."""
    spec = getattr(getattr(writer, "func", None), "__self__", None)
    given: Mapping[str, Any] = getattr(writer, "kwargs", {})
    if not isinstance(spec, BranchSpec) or "writer" not in given:
        return writer
    path = WatchedRouter(node, next(numbers), spec.path)
    return spec._replace(path=path).run(given["writer"], given.get("reader"))


class Watched(Runnable[Any, Any]):
    """A node that asks the watcher in force before it runs, and tells it afterwards."""

    def __init__(self, node: str, bound: Runnable[Any, Any], app: App) -> None:
        """Stand for a node of a graph."""
        self.node = node
        self.bound = bound
        self.app = app

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run without a watcher: those wait in an event loop."""
        return self.bound.invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run under the watcher in force, if there is one."""
        place = current_place()
        if place is None or config is None:
            return await self.bound.ainvoke(input, config, **kwargs)
        entry = self._entry(place, input, config)
        taken = await place.watcher.enter(entry)
        with placed(Place(place.watcher, entry)):
            while not taken.served:
                try:
                    result = await self._body(place, entry, taken, config, kwargs)
                except ParentCommand as bubble:
                    command = bubble.args[0]
                    if command.graph not in _names(entry):
                        raise
                    return await place.watcher.leave(entry, dataclasses.replace(command, graph=None))
                except GraphBubbleUp:
                    raise
                except (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError) as end:
                    if _cancelled(end):
                        raise
                    error = RuntimeError(f"the node wanted to end more than itself: {end!r}")
                    decided = await place.watcher.fail(entry, error)
                    if decided is None:
                        raise error from end
                    taken = decided
                except Exception as error:
                    decided = await place.watcher.fail(entry, error)
                    if decided is None:
                        raise
                    taken = decided
                else:
                    return await place.watcher.leave(entry, result)
        return taken.result

    async def _body(
        self, place: Place, entry: Entry, taken: Taken, config: RunnableConfig, kwargs: Mapping[str, Any]
    ) -> Any:
        answers: list[Any] = []
        if taken.steps is not None:
            config = {**config, "recursion_limit": taken.steps}
        while True:
            token = var_child_runnable_config.set(config) if answers else None
            try:
                return await self.bound.ainvoke(taken.input, config, **kwargs)
            except GraphInterrupt as interrupt:
                if isinstance(self.bound, CompiledStateGraph) or not interrupt.args or not interrupt.args[0]:
                    raise
                try:
                    answers.append(await place.watcher.ask(entry, interrupt.args[0][0].value))
                except NotImplementedError:
                    raise interrupt from None
                config = _answered(config, answers)
            finally:
                if token is not None:
                    var_child_runnable_config.reset(token)

    def _entry(self, place: Place, input: Any, config: RunnableConfig) -> Entry:
        metadata, inside = config["metadata"], config["configurable"]
        return Entry(
            node=self.node,
            step=metadata["langgraph_step"],
            index=_packet(metadata),
            parent=place.entry,
            app=self.app,
            channels=inside[READ].args[1],
            input=input,
            namespace=inside.get(NAMESPACE, ""),
            limit=config["recursion_limit"],
            writes=_writes(inside[SEND]),
        )


def _cancelled(end: BaseException) -> bool:
    """Whether somebody else cancels the task in which a node runs; a node may also raise that itself."""
    task = asyncio.current_task()
    return isinstance(end, asyncio.CancelledError) and (task is None or task.cancelling() > 0)


def _writes(send: Callable[..., None]) -> MutableSequence[tuple[str, Any]]:
    """What a task will have written; of one with a time limit, which is never held, LangGraph shows nothing."""
    written = getattr(send, "__self__", None)
    return written if isinstance(written, deque) else []


def _packet(metadata: Mapping[str, Any]) -> int | None:
    """Which of the packets that were sent in a step a task takes; `None` for one that an edge leads to."""
    path = metadata["langgraph_path"]
    return path[1] if len(path) > 1 and isinstance(path[1], int) else None


def _names(entry: Entry) -> tuple[str, str, str]:
    """By what a command from a subgraph can mean this node's own graph (as LangGraph compares it)."""
    return entry.namespace, recast_checkpoint_ns(entry.namespace), entry.node


def _answered(config: RunnableConfig, answers: list[Any]) -> RunnableConfig:
    """The node's configuration for another run of its body, in which `interrupt()` gives these answers."""
    inside = config["configurable"]
    scratchpad = dataclasses.replace(
        inside[SCRATCHPAD],
        resume=list(answers),
        interrupt_counter=count().__next__,
        call_counter=count().__next__,
        subgraph_counter=count().__next__,
    )
    return {**config, "configurable": {**inside, SCRATCHPAD: scratchpad}}


class WatchedRouter(Runnable[Any, Any]):
    """The function of a conditional edge, which asks the watcher in force before it decides, and tells it afterwards."""

    def __init__(self, node: str, number: int, path: Runnable[Any, Any]) -> None:
        """Stand for a router after a node, one of several by its number."""
        self.node = node
        self.number = number
        self.path = path

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Decide without a watcher."""
        return self.path.invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Decide under the watcher in force."""
        place = current_place()
        if place is None or config is None:
            return await self.path.ainvoke(input, config, **kwargs)
        metadata = config["metadata"]
        step, packet = metadata["langgraph_step"], _packet(metadata)
        crossroads = Crossroads(place.entry, self.node, step, packet, self.number, self.path)
        signpost = place.watcher.approach(crossroads)
        if signpost.served:
            return signpost.decided
        with placed(Place(place.watcher, signpost.entry or place.entry)):
            while True:
                seen: Any = Reading(input) if type(input) is dict else input
                try:
                    decided = await self.path.ainvoke(seen, config, **kwargs)
                    break
                except Exception as error:
                    entry = signpost.entry
                    if entry is None or await place.watcher.fail(entry, error) is None:
                        raise
        place.watcher.route(crossroads, seen.read if isinstance(seen, Reading) else {}, decided)
        return decided


class Reading(dict[str, Any]):
    """A state that remembers which of its fields were read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Hold a state."""
        super().__init__(values)
        self.read: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        """Read a field."""
        value = super().__getitem__(key)
        self.read[key] = value
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """Read a field, or the default."""
        value = super().get(key, default)
        self.read[key] = value
        return value

    def __contains__(self, key: object) -> bool:
        """Whether a field is set."""
        if isinstance(key, str):
            self.read[key] = super().get(key)
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        """Give the fields; all count as read."""
        self.read.update(super().items())
        return super().__iter__()
