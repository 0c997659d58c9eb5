"""A debugging session as the page shows it: where it stands, its state, its branches, its graph.

Only looks. Long values are cut. Of the state, `cut` names the fields that are, and `field_part` gives them whole: what
is edited must begin with the whole value. Not covered: what the page does
(`actions`), and one thing at a time (`live`).
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tutelage.errors import TutelageError
from tutelage.graphs.console.styled import plain_data
from tutelage.graphs.studio.library import NotHere
from tutelage.graphs.studio.picture import of_graph
from tutelage.graphs.studio.texts import part_of
from tutelage.traces.overview import database_of, speakers

if TYPE_CHECKING:
    from tutelage.graphs.console import Console
    from tutelage.graphs.debugging import Session, Spread

__all__ = ["field_part", "session_view"]

LONGEST = 20_000
"""Characters of a field of the state."""
MOST_VISITS = 1000


def session_view(
    console: "Console", run: str, history: Sequence[str], *, busy: bool, error: str | None
) -> dict[str, Any]:
    """Give everything that the page shows of a session.

    Args:
        console: Drives the session.
        run: What its run is called here.
        history: The lines that were typed.
        busy: Whether something is at work, so that the graph counts as running.
        error: Why it failed, where that is known otherwise.
    """
    session = console.session
    visits = session.visits()
    stop = None if busy else session.stop
    state = {str(name): _begun(value) for name, value in session.state.items()}
    return {
        "run": run,
        "rollout": session.rollout_id,
        "path": None if session.path is None else str(session.path),
        "status": "running" if busy else session.status,
        "stop": _stop(stop),
        "state": {name: shown for name, (shown, _) in state.items()},
        "cut": {name: mark for name, (_, mark) in state.items() if mark is not None},
        "changes": [] if busy else [_cut_all(each.model_dump(mode="json")) for each in _changes(session)],
        "visits": [_cut_all(each.model_dump(mode="json")) for each in visits[-MOST_VISITS:]],
        "branches": [each.model_dump(mode="json") for each in session.branches()],
        "branch": session.branch,
        "breakpoints": [each.model_dump(mode="json") for each in session.breakpoints()],
        "graph": _picture(session, [_path(each) for each in visits]),
        "frames": [each.model_dump(mode="json") for each in session.frames],
        "frame": session.frames.index(session.frame),
        "history": list(history),
        "task": _cut_all(session.task.model_dump(mode="json")),
        "roles": sorted({each.role for each in speakers(database_of(session.run_record)).values()}),
        "nodes": list(session.nodes),
        "spreads": _spreads(console.spreads),
        "lessons": [_cut_all(each.model_dump(mode="json")) for each in session.lessons()],
        "error": error or session.error,
        "prompt": console.prompt,
    }


def field_part(session: "Session", field: str, offset: int, length: int) -> dict[str, Any]:
    """Give a part of a field of the state, as text or, where `json` says so, as JSON.

    Raises:
        NotHere: The state has no such field.
        UserError: The place is no place.
    """
    state = session.state
    if field not in state:
        raise NotHere(f"the state has no field {field[:100]!r} here; it has {', '.join(state) or 'none'}")
    text, encoded = _text(state[field])
    return {**part_of(text, offset, length), "json": encoded}


def _stop(stop: Any) -> dict[str, Any] | None:
    """A stop; of what is about to be sent the texts stand whole, since they are edited."""
    if stop is None:
        return None
    found: dict[str, Any] = stop.model_dump(mode="json")
    if found["request"] is not None:
        found["request"]["token_ids"] = None
        text = found["request"]["text"]
        found["request"]["text"] = None if text is None else text[: 10 * LONGEST]
    return found


def _changes(session: "Session") -> Sequence[Any]:
    try:
        return session.changes()
    except TutelageError:
        return ()


def _picture(session: "Session", path: Sequence[str]) -> dict[str, Any]:
    """The graph with how often this branch went along each edge of its outermost graph."""
    picture = of_graph(session.bench.app)
    for node in picture["nodes"]:
        node["count"] = path.count(node["id"])
    outer = ["__start__", *(each for each in path if "/" not in each)]
    if session.status == "done":
        outer.append("__end__")
    steps = list(pairwise(outer))
    for edge in picture["edges"]:
        edge["count"] = steps.count((edge["source"], edge["target"]))
    return {**picture, "path": list(path)}


def _path(visit: Any) -> str:
    return "/".join((*visit.within, visit.node))


def _spreads(spreads: "Sequence[Spread]") -> list[dict[str, Any]]:
    """The resamplings so far, each compared with the first."""
    found = []
    for at, spread in enumerate(spreads):
        first = spreads[0]
        gain = None
        if at and first.passed is not None and spread.passed is not None:
            gain = spread.against(first).model_dump(mode="json")
        found.append(
            {"name": spread.group, "at": None, "spread": spread.model_dump(mode="json"), "gain": gain}
        )
    return found


def _cut_all(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _begun(value)[0] for name, value in values.items()}


def _begun(value: Any) -> tuple[Any, dict[str, Any] | None]:
    """A value or how its text begins; where it is cut, how long that text is, and whether it is JSON."""
    text, encoded = _text(value)
    if len(text) > LONGEST:
        return f"{text[:LONGEST]}…", {"size": len(text), "json": encoded}
    return _plain(value) if encoded else text, None


def _text(value: Any) -> tuple[str, bool]:
    """A value as text, and whether that is JSON."""
    plain = _plain(value)
    return (plain, False) if isinstance(plain, str) else (json.dumps(plain, ensure_ascii=False), True)


def _plain(value: Any) -> Any:
    return plain_data(value.model_dump(mode="json") if isinstance(value, BaseModel) else value)
