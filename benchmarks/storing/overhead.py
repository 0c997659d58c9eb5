"""What recording costs a real vLLM rollout: the same graph over the same engine, on record and not, in turn."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from tutelage.agents import ChatModel, connect
from tutelage.graphs import self_refine
from tutelage.graphs.state import initial_state
from tutelage.tools import make_tasks
from tutelage.traces import Store, recording
from tutelage.types import Task

__all__ = ["overhead"]

AT_ONCE = 64
App = CompiledStateGraph[Any, Any, Any, Any]


def overhead(folder: Path, tasks: int, pairs: int) -> dict[str, Any]:
    """Roll a loop out with and without a store, `pairs` times each, alternating which comes first.

    Only recording differs: no verifier runs, and the tasks are the same. Sampling makes the two of a pair differ
    in length, so what is compared is the time a sampled token takes.

    Returns:
        `recording_overhead`: the median over pairs of (seconds a token with record / without) - 1, every pair's,
        and `recording_share`: seconds spent in the journal, of all seconds of the recorded rollouts.
    """
    found = make_tasks("arithmetic", difficulty=3, count=tasks, seed=5)
    with connect("embedded+vllm") as model:
        app = self_refine(model, rounds=2).compile()
        asyncio.run(_plain(app, found, model))
        ratios, shares = [], []
        for number in range(pairs):
            order = (True, False) if number % 2 else (False, True)
            times = {}
            for on_record in order:
                if on_record:
                    times[True], share = asyncio.run(_recorded(app, found, folder / f"overhead-{number}"))
                    shares.append(share)
                else:
                    times[False] = asyncio.run(_plain(app, found, model))
            ratios.append(times[True] / times[False] - 1)
    return {
        "recording_overhead": round(statistics.median(ratios), 4),
        "all": [round(ratio, 4) for ratio in ratios],
        "recording_share": round(statistics.median(shares), 4),
        "tasks": tasks,
    }


async def _plain(app: App, tasks: Sequence[Task], model: ChatModel) -> float:
    counted = Counting(model.engine)
    started = time.perf_counter()
    try:
        await _all(app, tasks, [None] * len(tasks))
    finally:
        tokens = counted.stop()
    return (time.perf_counter() - started) / tokens


async def _recorded(app: App, tasks: Sequence[Task], directory: Path) -> tuple[float, float]:
    with Store.open(directory).start_run({}) as run:
        journal: Any = run._store.writing()
        spent, flush = 0.0, journal._flush

        def timed() -> None:
            nonlocal spent
            before = time.perf_counter()
            flush()
            spent += time.perf_counter() - before

        journal._flush = timed
        started = time.perf_counter()
        await _all(app, tasks, [run.begin(task) for task in tasks])
        seconds = time.perf_counter() - started
        tokens = sum(count.completion for count in run.tokens().values())
    return seconds / tokens, spent / seconds


async def _all(app: App, tasks: Sequence[Task], recorders: Sequence[Any]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(task: Task, recorder: Any) -> None:
        async with places:
            with recording(recorder):
                await app.ainvoke(initial_state(["problem", "task"], task))

    await asyncio.gather(*(one(task, recorder) for task, recorder in zip(tasks, recorders, strict=True)))


class Counting:
    """Counts the tokens that an engine samples, until it is stopped."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._generate = engine.generate
        self._tokens = 0
        engine.generate = self._counted

    async def _counted(self, request: Any) -> Any:
        answer = await self._generate(request)
        self._tokens += sum(len(each.token_ids or ()) for each in answer.completions)
        return answer

    def stop(self) -> int:
        """Give the count."""
        self._engine.generate = self._generate
        return self._tokens
