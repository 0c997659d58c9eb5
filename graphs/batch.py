"""Many rollouts at once over one event loop: a fixed number of workers takes them one after another.

A rollout whose graph fails is recorded as failed and the batch goes on. A dead engine or a store that
cannot be written ends the batch: what is in flight is abandoned (and run anew by the next call), what is
finished is safe. The same holds for a cancellation, which is how Ctrl-C arrives, and for a client's `stop`.

Every rollout is known to a `Desk` while it is in flight, through which a client may pause, hold and change it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from langgraph.graph.state import CompiledStateGraph

from tutelage.errors import EngineError, ReplayDivergence, StoreError, TutelageError
from tutelage.graphs.control.crew import Crew
from tutelage.graphs.outcome import judge, record
from tutelage.graphs.progress import Tally
from tutelage.graphs.state import initial_state
from tutelage.tools import Verifier
from tutelage.traces import RolloutRecorder, Run, recording
from tutelage.types import Task

if TYPE_CHECKING:
    from tutelage.graphs.control.desk import Desk
    from tutelage.graphs.control.flight import Flight

__all__ = ["STEPS", "Batch", "told"]

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
        desk: who may control it.
    """

    def __init__(
        self,
        app: CompiledStateGraph[Any, Any, Any, Any],
        keys: list[str],
        run: Run,
        verifier: Verifier,
        tally: Tally,
        desk: "Desk",
    ) -> None:
        """Prepare; `work` starts it."""
        self.app = app
        self.keys = keys
        self.run = run
        self.verifier = verifier
        self.tally = tally
        self.desk = desk

    async def work(self, rollouts: Iterable[tuple[Task, int]]) -> None:
        """Run all rollouts, at most as many at once as the desk says.

        Raises:
            EngineError: an engine died.
            StoreError: the run cannot be written.
            Stopped: a client asked for it.
        """
        waiting = iter(rollouts)
        crew = Crew(lambda: self._worker(waiting, crew), self.desk.concurrency)
        self.desk.lead(crew)
        await crew.work()

    async def _worker(self, waiting: Iterator[tuple[Task, int]], crew: Crew) -> None:
        while True:
            await self.desk.may_begin()
            if crew.one_too_many() or (given := next(waiting, None)) is None:
                return
            recorder = await self.run.abegin(*given)
            with self.desk.flying(recorder) as flight:
                await self._one(recorder, flight)

    async def _one(self, recorder: RolloutRecorder, flight: "Flight") -> None:
        try:
            await self._roll(recorder, flight)
        except (EngineError, ReplayDivergence, StoreError, asyncio.CancelledError) as error:
            with suppress(TutelageError):
                cancelled = isinstance(error, asyncio.CancelledError)
                recorder.abandon("interrupted" if cancelled else str(error))
            raise
        except Exception as error:
            message = told(error)
            recorder.fail(message)
            self.tally.failed_with(message)
            self.desk.failed(recorder, message)

    async def _roll(self, recorder: RolloutRecorder, flight: "Flight") -> None:
        task = recorder.rollout.task
        with recording(recorder):
            with self.desk.watching(flight):
                state = await self.app.ainvoke(initial_state(self.keys, task), self._config(recorder))
            if "__interrupt__" in state:
                raise RuntimeError("the graph stopped at an interrupt; a rollout has nobody to answer it")
            if getattr(self.verifier, "quick", False):
                outcome = judge(self.verifier, task, state)
            else:
                outcome = await asyncio.to_thread(judge, self.verifier, task, state)
        if flight.edits:
            outcome = replace(outcome, output={**outcome.output, "by_hand": [*flight.edits]})
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


def told(error: Exception) -> str:
    """The error in a line; where it is not one of ours, with the place that raised it."""
    text = f"{type(error).__name__}: {error}"
    frames = extract_tb(error.__traceback__)
    if isinstance(error, TutelageError) or not frames:
        return text
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})"
