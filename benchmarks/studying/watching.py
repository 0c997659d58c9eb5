"""What watching costs a batch: the same rollouts of the embedded model, watched and not, in turn.

Decoding is greedy, so that all batches do the same work. The studio and the reader that stands for its page are
processes of their own on the same machine; the reader follows the events and asks after each what the page asks: the
summary and the table's first page.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.studying.server import Client, served
from tutelage.agents import ChatModel, connect
from tutelage.graphs import rollout, self_refine
from tutelage.tools import make_tasks, step_checker
from tutelage.types import Sampling, Task

__all__ = ["watching"]

READER = """import json, sys, time, urllib.request
url = sys.argv[1]
def get(path):
    return urllib.request.urlopen(url + path, timeout=60)
while not (runs := [row for row in json.load(get("api/runs")) if row["id"]]):
    time.sleep(0.1)
run = "api/runs/" + runs[0]["id"]
for line in get(run + "/events"):
    if line.startswith(b"event: changed"):
        get(run + "/summary").read()
        get(run + "/rollouts?limit=100").read()
        print("looked", flush=True)
"""
TASKS = 48
GREEDY = Sampling(temperature=0.0, max_tokens=320)


def watching(
    folder: Path, pairs: int, engine: str = "embedded+transformers", tasks: int = TASKS
) -> dict[str, Any]:
    """Roll out `pairs` times watched and not, alternating which comes first.

    The time of a sampled token is compared: engines may round differently where requests meet in another order.

    Returns:
        `watch_overhead`: the median over pairs of (seconds a token watched / not) - 1, its interval (the order
        statistics that hold the median with 95 % or what the pairs allow), every pair's; `watch_cpu`: what the studio's
        process computed, of all that the machine could have meanwhile; `looks`: how often the page was told of growth.
    """
    found = make_tasks("arithmetic", difficulty=3, count=tasks, seed=5)
    ratios, shares, looks = [], [], []
    with connect(engine, sampling=GREEDY) as model:
        _batch(model, found, folder / "warm")
        for number in range(pairs):
            times = {}
            for watched in (True, False) if number % 2 else (False, True):
                place = folder / f"pair-{number}-{watched}"
                place.mkdir()
                if not watched:
                    times[False] = _batch(model, found, place / "run")[0]
                    continue
                with _watched(place) as (client, heard):
                    before = client.cpu_seconds()
                    times[True], seconds = _batch(model, found, place / "run")
                    shares.append((client.cpu_seconds() - before) / seconds / (os.cpu_count() or 1))
                looks.append(len(heard))
            ratios.append(times[True] / times[False] - 1)
    return {
        "watch_overhead": round(statistics.median(ratios), 4),
        "interval": [round(each, 4) for each in _interval(ratios)],
        "all": [round(each, 4) for each in ratios],
        "watch_cpu": round(statistics.median(shares), 4),
        "looks": looks,
        "tasks": tasks,
        "engine": engine,
    }


def _batch(model: ChatModel, tasks: Sequence[Task], directory: Path) -> tuple[float, float]:
    """Seconds a sampled token, and seconds."""
    started = time.perf_counter()
    graph = self_refine(model, rounds=2)
    with rollout(graph, tasks, verifier=step_checker, store=directory, progress=False) as run:
        seconds = time.perf_counter() - started
        return seconds / sum(count.completion for count in run.tokens().values()), seconds


@contextmanager
def _watched(place: Path) -> Iterator[tuple[Client, list[str]]]:
    """Watch whatever run appears in a place; the list is filled at the end."""
    heard: list[str] = []
    with served(place) as client:
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, client.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        time.sleep(1)
        try:
            yield client, heard
        finally:
            reader.terminate()
            heard += reader.communicate()[0].split()


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """The interval of the median between order statistics that has 95 % (Hahn & Meeker 1991), else the range."""
    ordered, n = sorted(values), len(values)
    below = 0.0
    place, weight = 0, 0.5**n
    for k in range(n // 2):
        below += weight
        weight = weight * (n - k) / (k + 1)
        if below > 0.025:
            break
        place = k
    return ordered[place], ordered[n - 1 - place]
