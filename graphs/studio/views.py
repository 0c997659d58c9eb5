"""The answers to what the page asks of runs, as plain data: one function an address.

The same functions answer the server's requests and fill a saved page. Not covered: HTTP (`routes`), sessions (`live`).
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from tutelage.graphs.studio import comparison, picture, table, turns
from tutelage.graphs.studio.desk import Desk
from tutelage.graphs.studio.library import NotHere, Opened
from tutelage.graphs.studio.summary import summary
from tutelage.graphs.studio.token_page import token_page
from tutelage.traces.overview import database_of, steps_between
from tutelage.traces.turn_heads import has_turn

__all__ = [
    "PART",
    "NotHere",
    "compare_view",
    "graph_view",
    "rollout_part",
    "rollout_view",
    "rollouts_view",
    "server_view",
    "summary_view",
    "tokens_view",
    "turn_part",
    "turn_view",
]

PART = 100_000
"""Characters of a part where none are asked for."""


def server_view(desk: Desk, *, saved: bool = False) -> dict[str, Any]:
    """What the studio can do."""
    return {
        "version": version("tutelage"),
        "graph": desk.start is not None,
        "readonly": saved,
        "saved": saved,
        "session": desk.live is not None,
    }


def summary_view(desk: Desk, opened: Opened, filter: str = "") -> dict[str, Any]:
    """The numbers of a run, or of what a filter chooses of it.

    Those of a debugging session (`session`) are of branches, which people changed: its accuracy measures no model.
    """
    index = opened.fresh()
    answer = table.selected(index, opened.search, filter)
    numbers = summary(index, answer.mask)
    if not filter:
        numbers["counts"]["abandoned"] = int((~index.counts).sum())
    row = desk.library.row(opened.id)
    return {
        **numbers,
        "run": row,
        "settings": dict(opened.run.settings),
        "session": opened.run.settings.get("session") is True,
        "searched": answer.searched,
    }


def rollouts_view(
    desk: Desk, opened: Opened, *, filter: str = "", sort: str = "", offset: int = 0, limit: int = 100
) -> dict[str, Any]:
    """A page of the table."""
    found = table.page(opened.fresh(), opened.search, filter=filter, sort=sort, offset=offset, limit=limit)
    _name_branches(desk, opened, found["rows"])
    return found


def rollout_view(desk: Desk, opened: Opened, rollout_id: str) -> dict[str, Any]:
    """One rollout."""
    row = _row(desk, opened, rollout_id)
    found = turns.rollout_view(opened.run, rollout_id, row)
    branches = [
        {"name": each["name"], "rollout": id, "kind": each["kind"], "parent": each["parent"]}
        for id, each in desk.branches(opened).items()
        if not each["dropped"]
    ]
    return {**found, "branches": branches}


def rollout_part(
    opened: Opened, rollout_id: str, part: str, offset: int = 0, length: int = PART
) -> dict[str, Any]:
    """A part of a text of a rollout."""
    if opened.fresh().place(rollout_id) is None:
        raise NotHere(f"run {opened.run.name!r} has no rollout {rollout_id!r}")
    return turns.rollout_part(opened.run, rollout_id, part, offset, length)


def turn_view(desk: Desk, opened: Opened, turn_id: str) -> dict[str, Any]:
    """One turn."""
    _must_have(opened, turn_id)
    return turns.turn_view(opened.run, turn_id, desk.tokenizers)


def turn_part(
    desk: Desk, opened: Opened, turn_id: str, part: str, offset: int = 0, length: int = PART
) -> dict[str, Any]:
    """A part of a text of a turn."""
    _must_have(opened, turn_id)
    return turns.turn_part(opened.run, turn_id, part, offset, length, desk.tokenizers)


def tokens_view(
    desk: Desk, opened: Opened, turn_id: str, offset: int = 0, limit: int = 1000
) -> dict[str, Any]:
    """A page of tokens."""
    _must_have(opened, turn_id)
    return token_page(opened.run, turn_id, desk.tokenizers, offset, limit)


def graph_view(desk: Desk, opened: Opened) -> dict[str, Any]:
    """The graph, with how often its edges were gone along."""
    index = opened.fresh()
    live = desk.live
    session = live.console.session if live is not None and live.run == opened.id else None
    drawn = None if session is None else (session.edges(), session.starts())

    def draw() -> dict[str, Any]:
        steps = list(steps_between(database_of(index.run)))
        if session is not None and drawn is not None:
            return picture.with_counts(picture.of_graph(session.bench.shape, *drawn), steps)
        return picture.of_record(opened.run.settings, steps)

    found: dict[str, Any] = index.derived(("picture", repr(drawn)), draw)
    return found


def compare_view(desk: Desk, opened: Opened, a: str, b: str) -> dict[str, Any]:
    """Two rollouts side by side."""
    return comparison.compared(opened.run, _row(desk, opened, a), _row(desk, opened, b))


def _row(desk: Desk, opened: Opened, rollout_id: str) -> dict[str, Any]:
    index = opened.fresh()
    place = index.place(rollout_id)
    if place is None:
        raise NotHere(f"run {opened.run.name!r} has no rollout {rollout_id!r}")
    rows = table.rows_at(index, [place])
    _name_branches(desk, opened, rows)
    return rows[0]


def _name_branches(desk: Desk, opened: Opened, rows: list[dict[str, Any]]) -> None:
    known: Mapping[str, Mapping[str, Any]] = desk.branches(opened)
    for row in rows:
        if row["id"] in known:
            row["branch"] = known[row["id"]]["name"]


def _must_have(opened: Opened, turn_id: str) -> None:
    if not has_turn(opened.run, turn_id):
        raise NotHere(f"run {opened.run.name!r} has no turn {turn_id!r}")
