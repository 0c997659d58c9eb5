"""`replay`: run a graph again on the record of a run, without an engine, and compare what comes of it.

Every call is answered from the record (`connect("replay:RUN")`). A graph that asks something else than what was
recorded stops with `ReplayDivergence`, or goes on live; one that asks the same and makes something else of the
answers is told by its outcomes: a rollout's status, its answer, whether it passed, and the fields of its final
state. Not covered: what an outcome does not show (`tutelage.graphs.replay_change`), and tasks of which some repeats
never came to their end (they are left out, and counted).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from tutelage import tools
from tutelage.agents import ChatModel, ReplayEngine, connect
from tutelage.errors import UserError
from tutelage.graphs.compiled import AnyGraph, plain
from tutelage.graphs.replay_change import Change, Key, changes_of, outcomes
from tutelage.graphs.rollout import arollout
from tutelage.tools import Verifier
from tutelage.traces import Rollout, Run
from tutelage.types import Sampling, Task

__all__ = ["Change", "Replayed", "areplay", "replay"]

SHOWN = 20
"""Changes that are listed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replayed run."""

    run: Run
    """The new record, open for reading."""
    rollouts: int
    """How many were run again."""
    changes: tuple[Change, ...]
    """Every outcome that differs."""
    live: tuple[Key, ...]
    """The rollouts (task id and repeat) that left the record and went on live."""
    left_out: int
    """Tasks that were not run again, since some of their repeats have no end on record."""

    @property
    def equal(self) -> bool:
        """Whether every rollout ended as it is recorded."""
        return not self.changes

    def __str__(self) -> str:
        """The changes as a table, after a line of numbers."""
        changed = len({(each.task_id, each.repeat) for each in self.changes})
        head = f"{self.rollouts} rollouts replayed, {changed} ended otherwise, {len(self.live)} went on live"
        rest = f"; {self.left_out} tasks left out, since repeats of them have no end" if self.left_out else ""
        lines = [f"  {each}" for each in self.changes[:SHOWN]]
        if len(self.changes) > SHOWN:
            lines.append(f"  and {len(self.changes) - SHOWN} more")
        return "\n".join([head + rest, *lines])


def replay(
    graph: AnyGraph | Callable[[ChatModel], AnyGraph],
    run: str | Path,
    *,
    verifier: Verifier | None = None,
    sampling: Sampling | None = None,
    live: ChatModel | str | None = None,
    store: str | Path | None = None,
    concurrency: int = 64,
    progress: bool = False,
) -> Replayed:
    """Run a graph again on everything that a run has on record.

    Args:
        graph: A function of the chat model that gives a graph, or a graph whose models are
            `connect("replay:RUN")` of this run.
        run: The recorded run.
        verifier: Judges the ends; `None`: the run's own, where it is one of `tutelage.tools`.
        sampling: What the model samples with where a call says nothing else; as when the run was recorded.
        live: Who answers a rollout from its first divergence on; `None`: the divergence stops the replay.
        store: Where to record the replay; `None`: in memory.
        concurrency: How many rollouts at once.
        progress: Show how far it is on standard error.

    Raises:
        ReplayDivergence: The graph asks something else than what was recorded, or leaves recorded calls unasked.
        UserError: An argument is wrong, or the graph cannot run.
        StoreError: The run cannot be read, or the new one cannot be written.
    """
    work = areplay(
        graph,
        run,
        verifier=verifier,
        sampling=sampling,
        live=live,
        store=store,
        concurrency=concurrency,
        progress=progress,
    )
    return asyncio.run(work)


async def areplay(
    graph: AnyGraph | Callable[[ChatModel], AnyGraph],
    run: str | Path,
    *,
    verifier: Verifier | None = None,
    sampling: Sampling | None = None,
    live: ChatModel | str | None = None,
    store: str | Path | None = None,
    concurrency: int = 64,
    progress: bool = False,
) -> Replayed:
    """The same inside an event loop; see `replay`."""
    with Run.open(run) as recorded:
        ended = _finished(recorded)
        tasks, repeats, left_out = _again(recorded, ended)
        judge = verifier or _verifier_of(recorded)
        before = outcomes(recorded, ended, judge.name)
        with connect(f"replay:{run}", sampling=sampling, live=live) as model:
            again = await arollout(
                _built(graph, model),
                tasks,
                verifier=judge,
                store=store,
                repeats=repeats,
                concurrency=concurrency,
                progress=progress,
            )
            after = outcomes(again, _finished(again), judge.name)
            changes = tuple(changes_of(recorded, before, again, after))
            engine = model.engine
            assert isinstance(engine, ReplayEngine)
            cut_short = live is not None or any(each.what == "status" for each in changes)
            if engine.diverged or not cut_short:
                engine.check()
            return Replayed(again, len(after), changes, tuple(engine.went_live), left_out)


def _built(graph: AnyGraph | Callable[[ChatModel], AnyGraph], model: ChatModel) -> AnyGraph:
    if isinstance(graph, StateGraph | CompiledStateGraph):
        return graph
    if not callable(graph):
        raise UserError(f"replay() takes a graph or a function of the model, not {type(graph).__name__}")
    return graph(model)


def _finished(run: Run) -> list[Rollout]:
    return [*run.rollouts("done"), *run.rollouts("failed")]


def _again(run: Run, ended: Sequence[Rollout]) -> tuple[list[Task], int, int]:
    """The tasks to run again, their repeats, and how many tasks are left out."""
    ends = {(each.task.id, each.repeat): each.task for each in ended}
    if not ends:
        raise UserError(f"run {run.name!r} has no rollout that came to its end; there is nothing to replay")
    repeats = 1 + max(repeat for _, repeat in ends)
    tasks = {task.id: task for task in ends.values()}
    whole = [task for id, task in tasks.items() if all((id, repeat) in ends for repeat in range(repeats))]
    if not whole:
        raise UserError(f"run {run.name!r} has no task of which all {repeats} repeats came to their end")
    return whole, repeats, len(tasks) - len(whole)


def _verifier_of(run: Run) -> Verifier:
    """The verifier that a run was judged by, found among those of `tutelage.tools`."""
    for name in tools.__all__:
        found = getattr(tools, name)
        ready = isinstance(found, Verifier) and not isinstance(found, type)
        if ready and plain(found) == run.settings.get("verifier"):
            return cast(Verifier, found)
    raise UserError(f"run {run.name!r} was judged by a verifier of yours; give it: replay(…, verifier=…)")
