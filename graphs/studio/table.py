"""The table of rollouts: which rows there are, in which order, and how each looks.

A page without a filter in the order of the record is read from the file by itself, so that it comes at once. Not
covered: what filters and columns mean (`filters`, `fields`).
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from tutelage.errors import UserError
from tutelage.graphs.studio.fields import SAID, SORTS, Mask, judged, ranks
from tutelage.graphs.studio.filters import Answer, chosen, parse
from tutelage.graphs.studio.index import STATUSES, RunIndex
from tutelage.graphs.studio.plain import cut, number
from tutelage.graphs.studio.search import Search

__all__ = ["LONGEST_PAGE", "page", "rows_at", "selected"]

LONGEST_PAGE = 500
"""Rows."""


def page(
    index: RunIndex, search: Search, *, filter: str = "", sort: str = "", offset: int = 0, limit: int = 100
) -> dict[str, Any]:
    """Give a page of the table.

    Args:
        index: The run's columns.
        search: Its texts.
        filter: In the language of `filters`.
        sort: A column, with a minus in front for the other direction; as they began without one.
        offset: Rows to leave out.
        limit: Rows to give at most.

    Raises:
        UserError: The filter or the column is not understood.
    """
    started = time.perf_counter()
    answer = selected(index, search, filter)
    places = _sorted(index, answer.mask, sort)
    rows = rows_at(index, places[offset : offset + min(limit, LONGEST_PAGE)].tolist())
    return {
        "total": int(index.counts.sum()),
        "matching": len(places),
        "searched": answer.searched,
        "offset": offset,
        "version": index.version,
        "ms": round(1000 * (time.perf_counter() - started), 1),
        "rows": rows,
    }


def selected(index: RunIndex, search: Search, filter: str) -> Answer:
    """Choose rollouts by a filter."""
    return chosen(index, search, parse(filter))


def rows_at(index: RunIndex, places: Sequence[int]) -> list[dict[str, Any]]:
    """Give the rows of some places."""
    if not places:
        return []
    shares = _grouped(index.rows("shares", places))
    verdicts = _grouped(index.rows("verdicts", places))
    outcomes = _grouped(index.rows("outcomes", places))
    rounds = _grouped(index.rows("rounds", places))
    judgements = _grouped(index.rows("judgements", places))
    states = index.rows("states", places)
    known = {int(row[0]): row for row in states}
    found = []
    for place, names, task in zip(places, index.named(places), index.tasks(places), strict=True):
        state, own = known[place + 1], place + 1
        outcome = outcomes[own][-1] if own in outcomes else None
        found.append(
            {
                "id": names[0],
                "task": cut(task.id),
                "family": cut(task.family) or None,
                "difficulty": task.difficulty,
                "repeat": int(state[2]),
                "status": STATUSES[index.status[place]],
                "answer": cut(names[1]),
                "reference": cut(task.reference),
                "passed": None if outcome is None or numpy.isnan(outcome[2]) else bool(outcome[2]),
                "value": None if outcome is None else number(outcome[1]),
                **_counted(shares.get(own, ())),
                "rounds": number(rounds[own][0][1], whole=True) if own in rounds else None,
                "verdicts": [SAID.get(float(row[1]), "none") for row in verdicts.get(own, ())],
                "judged": [judged(row[1], row[2]) for row in judgements.get(own, ())],
                "seconds": number(state[5] - state[4]),
                "started": number(state[4]),
                "error": cut(names[2]),
                "branch": None,
            }
        )
    return found


def _sorted(index: RunIndex, mask: Mask, sort: str) -> NDArray[numpy.int64]:
    """Places in order; those without a value come last either way."""
    places = numpy.flatnonzero(mask)
    name = sort.removeprefix("-")
    if not name:
        return places[::-1] if sort else places
    if name not in SORTS:
        raise UserError(f"the table has no column {name!r} to sort by; it has {', '.join(SORTS)}")
    values = ranks(index, name)[places]
    found = places[numpy.argsort(-values if sort.startswith("-") else values, kind="stable")]
    return found


def _grouped(matrix: NDArray[numpy.float64]) -> Mapping[int, list[NDArray[numpy.float64]]]:
    found: dict[int, list[NDArray[numpy.float64]]] = defaultdict(list)
    for row in matrix:
        found[int(row[0])].append(row)
    return dict(found)


def _counted(rows: Sequence[NDArray[numpy.float64]]) -> dict[str, Any]:
    """Tokens and turns of a rollout; what no speaker knows is not known."""
    prompt = [row[2] for row in rows if not numpy.isnan(row[2])]
    completion = [row[3] for row in rows if not numpy.isnan(row[3])]
    return {
        "turns": int(sum(row[4] for row in rows)),
        "prompt_tokens": int(sum(prompt)) if prompt else None,
        "completion_tokens": int(sum(completion)) if completion else None,
    }
