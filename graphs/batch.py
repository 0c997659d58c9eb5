"""Many rollouts at once over one event loop: a fixed number of workers takes them one after another.

A rollout whose graph fails is recorded as failed and the batch goes on. A dead engine or a store that
cannot be written ends the batch: what is in flight is abandoned (and run anew by the next call), what is
finished is safe. The same holds for a cancellation, which is how Ctrl-C arrives.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from traceback import extract_tb
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from tutelage.errors import EngineError, ReplayDivergence, StoreError, TutelageError
from tutelage.graphs.outcome import judge, record
from tutelage.graphs.progress import Tally
from tutelage.graphs.state import initial_state
from tutelage.graphs.together import together
from tutelage.tools import Verifier
from tutelage.traces import RolloutRecorder, Run, recording
from tutelage.types import Task

__all__ = ["Batch"]

STEPS = 1000
"""How many steps a graph may take before it counts as endless; LangGraph alone allows ten times as many."""


class Batch:
    """What the rollouts of a run share.

    Args:
        app: the compiled graph.
        keys: the fields of its input.
        run: where to record.
        verifier: who judges.
        tally: where to count.
    """

    def __init__(
        self,
        app: CompiledStateGraph[Any, Any, Any, Any],
        keys: list[str],
        run: Run,
        verifier: Verifier,
        tally: Tally,
    ) -> None:
        """Prepare; `work` starts it."""
        self.app = app
        self.keys = keys
        self.run = run
        self.verifier = verifier
        self.tally = tally

    async def work(self, rollouts: Iterable[tuple[Task, int]], concurrency: int) -> None:
        """Run all rollouts, at most `concurrency` at once.

        Raises:
            EngineError: an engine died.
            StoreError: the run cannot be written.
        """
        waiting = iter(rollouts)
        await together(self._worker(waiting) for _ in range(concurrency))

    async def _worker(self, waiting: Iterator[tuple[Task, int]]) -> None:
        for task, repeat in waiting:
            await self._one(await self.run.abegin(task, repeat))

    async def _one(self, recorder: RolloutRecorder) -> None:
        try:
            await self._roll(recorder)
        except (EngineError, ReplayDivergence, StoreError, asyncio.CancelledError) as error:
            with suppress(TutelageError):
                cancelled = isinstance(error, asyncio.CancelledError)
                recorder.abandon("interrupted" if cancelled else str(error))
            raise
        except Exception as error:
            message = _told(error)
            recorder.fail(message)
            self.tally.failed_with(message)

    async def _roll(self, recorder: RolloutRecorder) -> None:
        task = recorder.rollout.task
        with recording(recorder):
            state = await self.app.ainvoke(initial_state(self.keys, task), self._config(recorder))
            if "__interrupt__" in state:
                raise RuntimeError("the graph stopped at an interrupt; a rollout has nobody to answer it")
            if getattr(self.verifier, "quick", False):
                outcome = judge(self.verifier, task, state)
            else:
                outcome = await asyncio.to_thread(judge, self.verifier, task, state)
        await record(recorder, outcome)
        self.tally.finished(outcome.final.score.passed)

    def _config(self, recorder: RolloutRecorder) -> Any:
        config: dict[str, Any] = {}
        own: Mapping[str, Any] = self.app.config or {}
        if "recursion_limit" not in own:
            config["recursion_limit"] = STEPS
        if self.app.checkpointer:
            config["configurable"] = {"thread_id": recorder.rollout.id}
        return config


def _told(error: Exception) -> str:
    """The error in a line; where it is not one of ours, with the place that raised it."""
    text = f"{type(error).__name__}: {error}"
    frames = extract_tb(error.__traceback__)
    if isinstance(error, TutelageError) or not frames:
        return text
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})"
