"""A debugging session as the page shows it: where it stands, its state, its branches, its graph.

Only looks. Long values are cut. A field of the state, or the content of a message, is its text, since a browser's numbers
are not Python's: what is no text is shown and edited as JSON. `field_part` gives a field whole where it is cut. Not
covered: what the page does (`actions`), and one thing at a time (`live`).
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutelage.errors import TutelageError
from tutelage.graphs.console.styled import plain_data
from tutelage.graphs.studio.library import NotHere
from tutelage.graphs.studio.picture import of_graph
from tutelage.graphs.studio.plain import HALVES
from tutelage.graphs.studio.texts import part_of
from tutelage.traces.overview import database_of, speakers

if TYPE_CHECKING:
    from tutelage.graphs.console import Console
    from tutelage.graphs.debugging import Session, Spread

__all__ = ["field_part", "field_text", "session_view"]

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
    return {
        "run": run,
        "rollout": session.rollout_id,
        "path": None if session.path is None else str(session.path),
        "status": "running" if busy else session.status,
        "stop": _stop(stop),
        "state": {str(name): _field(value) for name, value in session.state.items()},
        "changes": [] if busy else _changes(session),
        "visits": [_cut_all(each.model_dump(mode="json")) for each in visits[-MOST_VISITS:]],
        "branches": [each.model_dump(mode="json") for each in session.branches()],
        "branch": session.branch,
        "breakpoints": [each.model_dump(mode="json") for each in session.breakpoints()],
        "graph": of_graph(session.bench.shape, session.edges(), session.starts()),
        "frames": [each.model_dump(mode="json") for each in session.frames],
        "frame": session.frames.index(session.frame),
        "history": list(history),
        "task": _cut_all(session.task.model_dump(mode="json")),
        "roles": sorted({each.role for each in speakers(database_of(session.run_record)).values()}),
        "nodes": list(session.nodes),
        "spreads": _spreads(console.spreads),
        "lessons": [_cut_all(each.model_dump(mode="json")) for each in session.lessons()],
        "error": error or session.error,
        "notice": session.notice,
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
    text, encoded = field_text(state[field])
    return {**part_of(text, offset, length), "json": encoded}


def _stop(stop: Any) -> dict[str, Any] | None:
    """A stop; of what is about to be sent the contents stand whole, as text, since they are edited."""
    if stop is None:
        return None
    found: dict[str, Any] = stop.model_dump(mode="json")
    if found["request"] is not None:
        found["request"]["token_ids"] = None
        found["request"]["messages"] = [_message(each) for each in stop.request.messages]
        text = found["request"]["text"]
        found["request"]["text"] = None if text is None else text[: 10 * LONGEST]
    return found


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    text, encoded = field_text(message.get("content"))
    return {"role": message.get("role"), "content": text, "json": encoded}


def _field(value: Any) -> dict[str, Any]:
    text, encoded = field_text(value)
    plain = plain_data(value)
    parts = len(plain) if isinstance(plain, list | dict) else None
    return {"text": text[:LONGEST], "size": len(text), "json": encoded, "parts": parts}


def _changes(session: "Session") -> list[dict[str, Any]]:
    """What the latest visit changed, and how the text of each field began before."""
    try:
        changes = session.changes()
    except TutelageError:
        return []
    return [
        {
            "field": each.field,
            "before": None if each.before is None else field_text(each.before)[0][:LONGEST],
        }
        for each in changes
    ]


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
    return {str(name): _begun(value) for name, value in values.items()}


def _begun(value: Any) -> Any:
    """A value, or how its text begins where that is long."""
    text, encoded = field_text(value)
    if len(text) > LONGEST:
        return f"{text[:LONGEST]}…"
    return plain_data(value) if encoded else text


def field_text(value: Any) -> tuple[str, bool]:
    """Give a value as text, and whether that is JSON; JSON, too, is a text with halves of characters."""
    plain = plain_data(value)
    if isinstance(plain, str) and not HALVES.search(plain):
        return plain, False
    text = json.dumps(plain, ensure_ascii=False, indent=2)
    return HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text), True
