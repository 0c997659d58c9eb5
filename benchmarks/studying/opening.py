"""How long a person waits: for a large run to open, for filters, for a very long message."""

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.studying.making import SHAPES, make_long, make_run
from benchmarks.studying.server import Client, served

__all__ = ["long_message", "opening"]

BY_TEXT = ("seven", "answer passed:true", '"no text has this in it"')
"""The first search for a text counts; later ones are remembered."""
FILTERS = (
    "",
    "status:done",
    "passed:false",
    "role:reviewer",
    "verdict:wrong -verdict:right",
    "tokens>200",
    "rounds>=1 family:units,chains",
    "answer:42",
    "task:units-*7",
    "error:*",
    "id:abc",
    *BY_TEXT,
)
SORTS = ("-tokens", "task", "answer")


def opening(folder: Path, turns: int, shape: str, repeats: int) -> dict[str, Any]:
    """Open a run of so many turns in fresh processes, and filter it.

    Returns:
        `open_s`: from the first request for the run to the first page of its table (median of the repeats);
        `ready_s`: until all columns and texts are in memory; `filter_ms`: the slowest filter's median, and `filters`.
    """
    directory = folder / f"{shape}-{turns}"
    if not directory.exists():
        make_run(directory, turns, shape)
    opened, ready = [], []
    found: dict[str, float] = {}
    for _ in range(repeats):
        with served(directory) as client:
            rollouts = f"api/runs/{client.get('api/runs')[0][0]['id']}/rollouts"
            page, seconds, _ = client.get(rollouts, limit=100)
            assert page["total"] == turns // SHAPES[shape] and len(page["rows"]) == min(100, page["total"])
            opened.append(seconds)
            ready.append(seconds + _warmed(client, rollouts))
            found = _filters(client, rollouts)
    return {
        "turns": turns,
        "rollouts": turns // SHAPES[shape],
        "open_s": round(statistics.median(opened), 3),
        "opens": [round(each, 3) for each in opened],
        "ready_s": round(statistics.median(ready), 2),
        "filter_ms": max(found.values()),
        "filters": found,
    }


def _warmed(client: Client, rollouts: str) -> float:
    """Wait until everything that filters need is in memory."""
    started = time.perf_counter()
    while client.get(rollouts, filter='"no text has this in it, either"')[0]["searched"] < 1:
        time.sleep(0.05)
    client.get(rollouts, filter="tokens>0 verdict:right family:units rounds>0 passed:true")
    return time.perf_counter() - started


def _filters(client: Client, rollouts: str) -> dict[str, float]:
    """Milliseconds of each filter and order, the median of five."""
    found = {}
    for text in FILTERS:
        first = _answered(client, rollouts, text)
        times = [first, *(_answered(client, rollouts, text) for _ in range(4))]
        found[text or "all"] = round(1000 * (first if text in BY_TEXT else statistics.median(times)), 1)
    for name in SORTS:
        times = [client.get(rollouts, sort=name, limit=100)[1] for _ in range(5)]
        found[f"by {name}"] = round(1000 * statistics.median(times), 1)
    return found


def _answered(client: Client, rollouts: str, text: str) -> float:
    """Seconds until a filter is answered, all texts looked through."""
    total, searched = 0.0, 0.0
    while searched < 1:
        page, seconds, _ = client.get(rollouts, filter=text, limit=100)
        total, searched = total + seconds, page["searched"]
    return total


def long_message(folder: Path, characters: int) -> dict[str, Any]:
    """Open a turn that read and said a text of so many characters.

    Returns:
        `turn_ms` and `bytes` of what the page gets at first; `part_ms` for the next part of the text.
    """
    rollout = make_long(folder / "long", characters)
    with served(folder / "long") as client:
        run = f"api/runs/{client.get('api/runs')[0][0]['id']}"
        story, story_s, _ = client.get(f"{run}/rollouts/{rollout}")
        turn = story["turns"][0]["id"]
        found, seconds, size = client.get(f"{run}/turns/{turn}")
        part, part_s, _ = client.get(f"{run}/turns/{turn}", part="completion", offset=characters // 2)
        assert found["size"] == characters and len(part["text"]) == 100_000
    return {
        "characters": characters,
        "rollout_ms": round(1000 * story_s),
        "turn_ms": round(1000 * seconds),
        "part_ms": round(1000 * part_s),
        "bytes": size,
    }
