"""The fields of a graph's state while it runs: reading them, changing them, and what a node's result makes of them.

Works on the channels of LangGraph's running loop, so that an edit before a node changes the state itself and goes
through no reducer, and an edit after it is seen by routers. A state that is not made of fields has the one field
`__root__`. Not covered: managed values (they are LangGraph's own), fields of kinds that refuse a value.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import Any
from uuid import uuid4

from langchain_core.messages import convert_to_messages
from langgraph._internal._fields import get_update_as_tuples
from langgraph.channels import BinaryOperatorAggregate, Topic
from langgraph.channels.base import BaseChannel
from langgraph.channels.delta import DeltaChannel
from langgraph.errors import EmptyChannelError, InvalidUpdateError
from langgraph.types import Command, Overwrite
from pydantic import BaseModel

from tutelage.errors import UserError
from tutelage.graphs.debugging.place import Entry

__all__ = [
    "ROOT",
    "after",
    "changed_input",
    "field_names",
    "holds_one",
    "identified",
    "is_message_list",
    "read",
    "seen",
    "take_back",
    "with_ids",
    "without",
    "write",
]

ROOT = "__root__"
REDUCED = (BinaryOperatorAggregate, DeltaChannel)
"""Kinds of fields that gather what is written to them."""

Channels = Mapping[str, BaseChannel[Any, Any, Any]]


def field_names(entry: Entry) -> list[str]:
    """The names of the state's fields."""
    return list(entry.app.builder.channels)


def read(entry: Entry) -> dict[str, Any]:
    """The state that the graph of a node holds now; fields that were never set are left out."""
    return _values(entry.channels, field_names(entry))


def seen(entry: Entry) -> dict[str, Any]:
    """The state as a node sees it that is about to run: over the graph's, what was sent to it alone."""
    packet = entry.input if entry.index is not None and isinstance(entry.input, Mapping) else {}
    return {**read(entry), **packet}


def after(entry: Entry, result: Any) -> dict[str, Any]:
    """The state with what a node returns, before anything of its parallel neighbours."""
    names = field_names(entry)
    updated: dict[str, list[Any]] = {}
    for name, value in _updates(result, names):
        updated.setdefault(name, []).append(value)
    copies: dict[str, BaseChannel[Any, Any, Any]] = {}
    for name in names:
        channel = entry.channels[name].copy()
        if name in updated:
            try:
                channel.update(updated[name])
            except InvalidUpdateError:
                channel.update(updated[name][-1:])
        copies[name] = channel
    return _values(copies, names)


def write(entry: Entry, name: str, value: Any) -> None:
    """Change a field of the running state at once.

    Raises:
        UserError: There is no such field, or its kind refuses the value.
    """
    channel = entry.channels[name]
    try:
        channel.update([Overwrite(value) if isinstance(channel, REDUCED) else value])
    except Exception as problem:
        raise UserError(f"the field {name!r} refuses {value!r}: {problem}") from problem


def holds_one(entry: Entry, name: str) -> bool:
    """Whether a field holds what was written last, and gathers nothing."""
    return name in entry.channels and not isinstance(entry.channels[name], (*REDUCED, Topic))


def take_back(entry: Entry, name: str) -> None:
    """Let a node that has left not write a field at the end of its super-step."""
    kept = [each for each in entry.writes if each[0] != name]
    entry.writes.clear()
    entry.writes.extend(kept)


def changed_input(entry: Entry, name: str, value: Any) -> Any:
    """What a node reads, with one field changed; as it is where the node does not read that field."""
    given = entry.input
    if name == ROOT:
        return value
    if isinstance(given, Mapping):
        return {**given, name: value} if name in given or _reads(entry, name) else given
    if isinstance(given, BaseModel):
        return given.model_copy(update={name: value}) if name in type(given).model_fields else given
    if is_dataclass(given) and not isinstance(given, type):
        return replace(given, **{name: value}) if hasattr(given, name) else given
    return given


def _reads(entry: Entry, name: str) -> bool:
    """Whether a node that an edge leads to reads a field, by its schema."""
    builder = entry.app.builder
    node = builder.nodes.get(entry.node)
    return entry.index is None and node is not None and name in builder.schemas.get(node.input_schema, {})


def identified(entry: Entry, result: Any) -> Any:
    """A result whose messages have ids, which LangGraph would else give them anew at every run."""
    if not isinstance(result, dict):
        return result
    lists = [name for name in result if name in entry.channels and is_message_list(entry.channels[name])]
    return {**result, **{name: with_ids(result[name]) for name in lists}} if lists else result


def is_message_list(channel: Any) -> bool:
    """Whether a field gathers messages by LangGraph's `add_messages`."""
    return getattr(getattr(channel, "operator", None), "__name__", "") in ("add_messages", "_add_messages")


def with_ids(messages: Any) -> Any:
    """Messages as objects with ids; what is none of LangChain's shapes is left as it is."""
    if isinstance(messages, Overwrite):
        return messages
    several = messages if isinstance(messages, list) else [messages]
    try:
        found = convert_to_messages(several)
    except (NotImplementedError, ValueError, TypeError):
        return messages
    return [each if each.id else each.model_copy(update={"id": str(uuid4())}) for each in found]


def without(entry: Entry, result: Any, edits: Collection[str]) -> Any:
    """What a node returns, these fields left out; where it leads stays as it was."""
    if not edits:
        return result
    if ROOT in edits:
        return read(entry)[ROOT]
    kept = [(name, value) for name, value in _updates(result, field_names(entry)) if name not in edits]
    commands = [each for each in _each(result) if isinstance(each, Command)]
    if not commands and len({name for name, _ in kept}) == len(kept):
        return dict(kept)
    return [Command(update=kept), *map(_leading, commands)]


def _leading(command: Command[Any]) -> Command[Any]:
    """A command without what it writes into this graph; where it leads, and what it writes elsewhere, stays."""
    return replace(command, update=None) if command.graph is None else command


def _values(channels: Channels, names: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        try:
            found[name] = channels[name].get()
        except EmptyChannelError:
            continue
    return found


def _each(result: Any) -> Sequence[Any]:
    if isinstance(result, list | tuple) and any(isinstance(each, Command) for each in result):
        return list(result)
    return [result]


def _updates(result: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What a node's result writes into which field, as LangGraph reads it."""
    if names == [ROOT]:
        if result is not None:
            yield ROOT, result
        return
    for each in _each(result):
        if isinstance(each, Command):
            if each.graph is None:
                yield from ((name, value) for name, value in each._update_as_tuples() if name in names)
        elif isinstance(each, dict):
            yield from ((name, value) for name, value in each.items() if name in names)
        elif each is not None:
            yield from get_update_as_tuples(each, list(names))
