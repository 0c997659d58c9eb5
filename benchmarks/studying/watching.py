"""What watching costs a batch of the embedded model that keeps all cores busy.

The studio and the reader that stands for its page are processes of their own on the same machine; the reader follows
the events and asks after each what the page asks: the summary and the table's first page. What they compute is taken
from the batch, so the cost is their processor time over the batch's. As a check, tokens a second are compared between
windows of the batch in which the watchers are stopped (SIGSTOP) or go on, in an order drawn by chance; what they missed
they do in the next window. That difference is noisy: rollouts differ, and so does the machine. Decoding is greedy.
"""

import math
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.studying.server import Client, cpu_seconds, served
from tutelage.agents import ChatModel, connect
from tutelage.graphs import rollout, self_refine
from tutelage.tools import make_tasks, step_checker
from tutelage.traces import Run
from tutelage.training import bootstrap_mean
from tutelage.types import Sampling

__all__ = ["watching"]

READER = """import json, sys, time, urllib.request
url = sys.argv[1]
def get(path):
    return urllib.request.urlopen(url + path, timeout=600)
while not (runs := [row for row in json.load(get("api/runs")) if row["id"]]):
    time.sleep(0.1)
run = "api/runs/" + runs[0]["id"]
for line in get(run + "/events"):
    if line.startswith(b"event: changed"):
        get(run + "/summary").read()
        get(run + "/rollouts?limit=100").read()
        print("looked", flush=True)
"""
GREEDY = Sampling(temperature=0.0, max_tokens=320)
CONCURRENT = 32
WARM_TASKS = 64
SPARE = 1.3
"""Tasks are so many times those that the windows should take; the batch thins out at its end."""


@dataclass(slots=True)
class Windows:
    """Stops the watchers and lets them go on, by chance within each pair, and notes when."""

    processes: Sequence[int]
    pairs: int
    seconds: float
    spans: list[tuple[float, float, bool]] = field(default_factory=list)
    """Begin and end (Unix time), and whether it was watched; two a pair."""
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Go through all pairs, or to the end of the batch."""
        chance = random.Random(0)
        for _ in range(self.pairs):
            first = chance.random() < 0.5
            for watched in (first, not first):
                self._send(signal.SIGCONT if watched else signal.SIGSTOP)
                begun = time.time()
                if self.ended.wait(self.seconds):
                    self._send(signal.SIGCONT)
                    return
                self.spans.append((begun, time.time(), watched))
        self._send(signal.SIGCONT)

    def _send(self, what: signal.Signals) -> None:
        for process in self.processes:
            os.kill(process, what)


def watching(
    folder: Path, pairs: int, seconds: float = 4.0, engine: str = "embedded+transformers"
) -> dict[str, Any]:
    """Roll one batch out through `pairs` pairs of windows.

    Returns:
        `watch_overhead`: processor seconds of studio and reader over those of the batch; `studio`: of the studio alone;
        `windows`: the mean over pairs of log(tokens a second not watched / watched), its bootstrap `interval`, and `all`
        pairs'; `looks`: how often the page was told of growth.
    """
    with connect(engine, sampling=GREEDY) as model:
        speed = WARM_TASKS / _batch(model, WARM_TASKS, folder / "warm")
        tasks = math.ceil(SPARE * speed * 2 * pairs * seconds)
        place = folder / "watched"
        place.mkdir()
        with _watched(place) as (client, reader, heard):
            windows = Windows((client.process, reader), pairs, seconds)
            watchers = [client.process, reader]
            before = [cpu_seconds(each) for each in watchers]
            own = time.process_time()
            thread = threading.Thread(target=windows.run)
            thread.start()
            _batch(model, tasks, place / "run")
            own = time.process_time() - own
            windows.ended.set()
            thread.join()
            studio, page = (cpu_seconds(each) - at for each, at in zip(watchers, before, strict=True))
    found = _pairs(place / "run", windows.spans)
    low, high = bootstrap_mean(found)
    return {
        "watch_overhead": round((studio + page) / own, 4),
        "studio": round(studio / own, 4),
        "batch_cpu_s": round(own, 1),
        "windows": round(statistics.mean(found), 4),
        "interval": [round(low, 4), round(high, 4)],
        "all": [round(each, 4) for each in found],
        "window_s": seconds,
        "looks": len(heard),
        "tasks": tasks,
        "engine": engine,
    }


def _batch(model: ChatModel, tasks: int, directory: Path) -> float:
    """Roll out, and give the seconds."""
    graph = self_refine(model, rounds=2)
    drawn = make_tasks("arithmetic", difficulty=3, count=tasks, seed=5)
    started = time.perf_counter()
    rollout(
        graph, drawn, verifier=step_checker, store=directory, concurrency=CONCURRENT, progress=False
    ).close()
    return time.perf_counter() - started


def _pairs(directory: Path, spans: Sequence[tuple[float, float, bool]]) -> list[float]:
    """By pair of windows, how much slower tokens came while they were watched; a turn's are spread over its time."""
    with Run.open(directory) as run:
        turns = [
            (turn.started, turn.started + turn.seconds, len(turn.completion_token_ids or ()))
            for turn in run.iter_turns()
        ]
    rates = []
    for begun, ended, watched in spans:
        tokens = sum(
            count * max(0.0, min(end, ended) - max(start, begun)) / max(end - start, 1e-9)
            for start, end, count in turns
        )
        rates.append((tokens / (ended - begun), watched))
    found = []
    for one, other in zip(rates[::2], rates[1::2], strict=False):
        (plain, _), (seen, _) = sorted((one, other), key=lambda rate: rate[1])
        if plain and seen:
            found.append(math.log(plain / seen))
    return found


@contextmanager
def _watched(place: Path) -> Iterator[tuple[Client, int, list[str]]]:
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
            yield client, reader.pid, heard
        finally:
            reader.terminate()
            heard += reader.communicate()[0].split()
