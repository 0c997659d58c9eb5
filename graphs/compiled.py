"""A graph made ready to run: compiled once, its faults told in one sentence, its settings written down.

Takes a `StateGraph` or a compiled one, from here or from anywhere. No checkpointer is added, and nothing is
serialised between steps.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, JsonValue

from tutelage.errors import UserError

__all__ = ["AnyGraph", "check_end", "compiled", "graph_settings", "has_end", "input_keys"]

AnyGraph = StateGraph[Any, Any, Any, Any] | CompiledStateGraph[Any, Any, Any, Any]
"""What `rollout` takes."""

DEEPEST = 6
"""How far settings are followed into objects."""


def compiled(graph: AnyGraph) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a graph that is not compiled yet.

    Raises:
        UserError: the graph cannot run: it has no entry point, an edge leads nowhere, or it is no graph.
    """
    if isinstance(graph, CompiledStateGraph):
        return graph
    if not isinstance(graph, StateGraph):
        raise UserError(f"a graph is a StateGraph or a compiled one, not {type(graph).__name__}")
    if not graph.nodes:
        raise UserError("the graph has no nodes; add some with graph.add_node('solver', Solver(model))")
    try:
        return graph.compile()
    except ValueError as problem:
        if "entrypoint" in str(problem):
            first = next(iter(graph.nodes))
            raise UserError(
                f"the graph has no entry point; add graph.add_edge(START, {first!r})"
            ) from problem
        raise UserError(f"the graph cannot be compiled: {problem}") from problem


def input_keys(graph: CompiledStateGraph[Any, Any, Any, Any]) -> list[str]:
    """The fields of a graph's input; none for a state that is not made of fields."""
    return [key for key in graph.builder.schemas[graph.builder.input_schema] if key != "__root__"]


def has_end(app: CompiledStateGraph[Any, Any, Any, Any]) -> bool:
    """Whether a solution can be read from what a graph ends with."""
    return bool(_ends(app) & {"solution", "messages"})


def _ends(app: CompiledStateGraph[Any, Any, Any, Any]) -> set[str]:
    return set(app.builder.schemas[app.builder.output_schema])


def check_end(app: CompiledStateGraph[Any, Any, Any, Any]) -> None:
    """Make sure that a verifier can find the solution in what a graph ends with.

    Raises:
        UserError: The output has no field for it.
    """
    if not has_end(app):
        listed = ", ".join(sorted(_ends(app))) or "nothing"
        raise UserError(
            "the graph's output has neither a field 'solution' nor a field 'messages' to read the solution "
            f"from (it has: {listed}); add one of them to its state"
        )


def graph_settings(graph: CompiledStateGraph[Any, Any, Any, Any]) -> dict[str, JsonValue]:
    """What decides how a graph behaves, as far as it can be read from outside, as plain data.

    Roles tell all (model, policy, prompt, samples), dataclasses their fields, functions only their name:
    a changed function is not noticed.
    """
    builder = graph.builder
    branches = {
        f"{start}:{name}": plain(_inside(branch.path))
        for start, named in builder.branches.items()
        for name, branch in named.items()
    }
    nodes = {name: plain(_inside(spec.runnable)) for name, spec in builder.nodes.items()}
    edges: list[JsonValue] = [f"{start} -> {end}" for start, end in sorted(builder._all_edges)]
    return {"nodes": nodes, "edges": edges, "branches": branches}


def plain(value: Any, depth: int = 0) -> JsonValue:
    """A value as plain data: what it is made of, else its name, else its type."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, BaseModel) and not hasattr(value, "policy"):
        return value.model_dump(mode="json")
    if hasattr(value, "settings") and callable(value.settings):
        return dict(value.settings())
    if hasattr(value, "policy"):
        return {"model": str(getattr(value, "name", "")), "policy": str(value.policy)}
    if depth < DEEPEST:
        if is_dataclass(value) and not isinstance(value, type):
            inner = {each.name: plain(getattr(value, each.name), depth + 1) for each in fields(value)}
            return {"kind": type(value).__name__, **inner}
        if isinstance(value, Mapping):
            return {str(key): plain(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [plain(each, depth + 1) for each in value]
    name = getattr(value, "name", None) or getattr(value, "__qualname__", None)
    return str(name or type(value).__qualname__)


def _inside(runnable: Any) -> Any:
    """The callable that LangGraph has wrapped; a graph's own node where it is a graph or a role."""
    return getattr(runnable, "func", None) or getattr(runnable, "afunc", None) or runnable
