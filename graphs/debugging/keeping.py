"""Values of a state and results of nodes as bytes, and back: LangGraph's own serialiser, strict.

Plain data, LangChain's messages, `Command` and `Send` are kept, and the classes that the graph's own schemas name; no
pickle. Lone surrogates and tuples come back exactly. Not covered:
other objects; what cannot be kept is told, and its node runs again where it would be needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph._internal._serde import build_serde_allowlist
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command, Overwrite, Send
from pydantic import BaseModel

from tutelage.errors import UserError
from tutelage.graphs.debugging.shape import graphs_in
from tutelage.graphs.debugging.watching import App
from tutelage.traces.session_log import SessionLog
from tutelage.valid_text import original_text, valid_text

__all__ = ["Keeper", "is_whole"]

TUPLE = "\ufdd0tuple"
"""The key of a tuple's items; no text of a user's begins so, since `valid_text` escapes that character."""

SHOWN = "?"
"""How the name of a value begins that could not be kept."""
LONGEST = 200

Change = Callable[[Any], Any]


class Keeper:
    """Keeps values in a session's log."""

    def __init__(self, log: SessionLog, app: App) -> None:
        """Keep what this graph's states may hold."""
        self._log = log
        schemas = [schema for _, graph in graphs_in(app) for schema in graph.builder.schemas]
        allowed = build_serde_allowlist(schemas=schemas, channels=app.channels) if schemas else None
        self._serde = JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=allowed)
        self._known: dict[bytes, Any] = {}

    def bytes_of(self, value: Any) -> bytes | None:
        """Give a value as bytes; `None` where it cannot be kept."""
        try:
            kind, raw = self._serde.dumps_typed(_changed(value, valid_text, _wrapped))
            if not _plain(value) and _kinds(self._loaded(kind, raw)) != _kinds(value):
                return None
        except Exception:
            return None
        return kind.encode() + b"\0" + raw

    def value_of(self, raw: bytes) -> Any:
        """Undo `bytes_of`."""
        kind, _, rest = raw.partition(b"\0")
        return self._loaded(kind.decode(), rest)

    def _loaded(self, kind: str, raw: bytes) -> Any:
        return _changed(self._serde.loads_typed((kind, raw)), original_text, _unwrapped)

    def keep(self, value: Any, contents: dict[bytes, bytes]) -> str | None:
        """Give the name of a value for an event, and add it to the contents to be written with that event."""
        raw = self.bytes_of(value)
        if raw is None:
            return None
        name = self._log.name_of(raw)
        contents[name] = raw
        return name.hex()

    def must_keep(self, value: Any, contents: dict[bytes, bytes]) -> str:
        """The same, for a value that a person gives.

        Raises:
            UserError: It cannot be kept.
        """
        name = self.keep(value, contents)
        if name is None:
            raise UserError(
                f"a {type(value).__name__} cannot be kept, so a session could not be opened again with it; give "
                "plain data, a message, or an object of a class that the graph's state names"
            )
        return name

    def names(self, state: Mapping[str, Any], contents: dict[bytes, bytes]) -> dict[str, str]:
        """Give the names of a state's values; one that cannot be kept is named by how it shows."""
        return {
            field: self.keep(value, contents) or f"{SHOWN}{valid_text(repr(value)[:LONGEST])}"
            for field, value in state.items()
        }

    def get(self, name: str) -> Any:
        """Give a kept value by its name; of one that could not be kept how it showed."""
        if name.startswith(SHOWN):
            return name.removeprefix(SHOWN)
        return self.value_of(self._log.content(bytes.fromhex(name)))


def is_whole(name: str | None) -> bool:
    """Whether the value of this name could be kept."""
    return name is not None and not name.startswith(SHOWN)


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or isinstance(value, str | int | float | bool | BaseMessage)


def _kinds(value: Any) -> Any:
    """The types in a value, as far as a class that is not found again would change them."""
    if isinstance(value, dict):
        return [_kinds(each) for each in value.values()]
    if isinstance(value, list | tuple):
        return [_kinds(each) for each in value]
    if isinstance(value, Send):
        return Send, _kinds(value.arg)
    if isinstance(value, Command):
        return Command, _kinds(value.update), _kinds(value.goto)
    return type(value)


def _changed(value: Any, text: Change, data: Change) -> Any:
    """A value with every text and every tuple in it changed."""

    def each(inner: Any) -> Any:
        return _changed(inner, text, data)

    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return data({each(key): each(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return [each(inner) for inner in value]
    if type(value) is tuple:
        return data(tuple(each(inner) for inner in value))
    if isinstance(value, BaseMessage):
        return value.model_copy(
            update={name: each(getattr(value, name)) for name in type(value).model_fields}
        )
    if isinstance(value, Send):
        return Send(value.node, each(value.arg))
    if isinstance(value, BaseModel):
        inside = {name: _changed(getattr(value, name), text, _same) for name in type(value).model_fields}
        return value.model_copy(update=inside)
    if is_dataclass(value) and not isinstance(value, type | Command | Overwrite):
        return replace(
            value, **{one.name: each(getattr(value, one.name)) for one in fields(value) if one.init}
        )
    if isinstance(value, Overwrite):
        return Overwrite(each(value.value))
    if isinstance(value, Command):
        update, goto = each(value.update), each(value.goto)
        return Command(graph=value.graph, update=update, resume=value.resume, goto=goto)
    return value


def _same(value: Any) -> Any:
    """Leave tuples in a pydantic model alone, which makes them again itself."""
    return value


def _wrapped(value: Any) -> Any:
    return {TUPLE: list(value)} if type(value) is tuple else value


def _unwrapped(value: Any) -> Any:
    return tuple(value[TUPLE]) if isinstance(value, dict) and value.keys() == {TUPLE} else value
