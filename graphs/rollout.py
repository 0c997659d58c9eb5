"""`rollout`: run a graph on many tasks, record everything, judge the ends. The same call again continues.

Any LangGraph graph will do whose input has a field `problem` or `messages` and whose final state has a
`solution` or `messages`. What is finished is never run again; what was interrupted is. While a run with a directory
is written, `tutelage.graphs.control.attach` reaches it. Not covered: several machines, and graphs that wait for a person.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.graphs.batch import Batch
from tutelage.graphs.compiled import AnyGraph, check_end, compiled, graph_settings, input_keys, plain
from tutelage.graphs.control.desk import Stopped
from tutelage.graphs.control.offering import desk_for, offered
from tutelage.graphs.debugging.watching import watched
from tutelage.graphs.progress import Tally, shown
from tutelage.graphs.state import initial_state
from tutelage.tools import Verifier
from tutelage.traces import Run, Store
from tutelage.types import Task

__all__ = ["arollout", "rollout"]


def rollout(
    graph: AnyGraph,
    tasks: Iterable[Task],
    *,
    verifier: Verifier,
    store: str | Path | None = None,
    repeats: int = 1,
    concurrency: int = 64,
    progress: bool = True,
    name: str | None = None,
    control: bool = True,
) -> Run:
    """Run a graph on every task.

    Args:
        graph: a `StateGraph` or a compiled graph.
        tasks: the tasks, their ids unique.
        verifier: judges the final solutions and the candidates.
        store: the run's directory, new or of an interrupted run with the same settings; `None` keeps the run
            in memory only.
        repeats: rollouts a task.
        concurrency: how many rollouts at once.
        progress: show how far it is on standard error.
        name: what to call the run; by default the directory's name.
        control: let this user's other processes attach to the batch (`tutelage.graphs.control`); only with a
            directory.

    Returns:
        The finished run, open for reading.

    Raises:
        UserError: an argument is wrong, the graph cannot run, or the directory's run has other settings.
        StoreError: the run cannot be written.
        EngineError: an engine died; the same call again continues.
        KeyboardInterrupt: Ctrl-C, or a client's `stop`, after what was in flight is cancelled and the store is
            closed.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise UserError(
            "rollout() cannot run inside an event loop (a notebook, a coroutine); write: await arollout(...)"
        )
    work = _rolled_out(
        graph,
        tasks,
        verifier=verifier,
        store=store,
        repeats=repeats,
        concurrency=concurrency,
        progress=progress,
        name=name,
        control=control,
    )
    try:
        return asyncio.run(work)
    except Stopped as stopped:
        raise KeyboardInterrupt("stopped by a client") from stopped


async def arollout(
    graph: AnyGraph,
    tasks: Iterable[Task],
    *,
    verifier: Verifier,
    store: str | Path | None = None,
    repeats: int = 1,
    concurrency: int = 64,
    progress: bool = True,
    name: str | None = None,
    control: bool = True,
) -> Run:
    """The same inside an event loop; see `rollout`.

    A cancellation abandons what is in flight; a client's `stop` is told as a cancellation, too.
    """
    work = _rolled_out(
        graph,
        tasks,
        verifier=verifier,
        store=store,
        repeats=repeats,
        concurrency=concurrency,
        progress=progress,
        name=name,
        control=control,
    )
    try:
        return await work
    except Stopped as stopped:
        raise asyncio.CancelledError("stopped by a client") from stopped


async def _rolled_out(
    graph: AnyGraph,
    tasks: Iterable[Task],
    *,
    verifier: Verifier,
    store: str | Path | None,
    repeats: int,
    concurrency: int,
    progress: bool,
    name: str | None,
    control: bool,
) -> Run:
    app = compiled(graph)
    batch_tasks = _checked(tasks, verifier)
    _at_least_one(repeats=repeats, concurrency=concurrency)
    keys = input_keys(app)
    initial_state(keys, batch_tasks[0])
    check_end(app)
    settings = _settings(app, batch_tasks, verifier, repeats)
    opened = Store.memory() if store is None else Store.open(store)
    try:
        run = opened.start_run(settings, name=name)
        finished = run.finished()
        waiting = [
            (task, repeat)
            for task, repeat in product(batch_tasks, range(repeats))
            if (task.id, repeat) not in finished
        ]
        tally = _tally(run, verifier, len(batch_tasks) * repeats, len(waiting))
        async with AsyncExitStack() as stack:
            if progress:
                await stack.enter_async_context(shown(tally, run.tokens))
            desk = desk_for(app, concurrency)
            if control and run.path is not None and waiting:
                stack.enter_context(offered(desk, run, tally))
                app = watched(app)
            await Batch(app, keys, run, verifier, tally, desk).work(waiting)
    except BaseException:
        opened.close()
        raise
    run.release()
    return run


def _checked(tasks: Iterable[Task], verifier: Verifier) -> Sequence[Task]:
    """The tasks as a list, once everything that can be known before the start is right."""
    found = list(tasks)
    if not found:
        raise UserError("there are no tasks to run")
    seen: set[str] = set()
    for task in found:
        if not isinstance(task, Task):
            raise UserError(
                f"a task is a Task, not {type(task).__name__}; files are read with load_tasks(path)"
            )
        if task.id in seen:
            raise UserError(f"two tasks have the id {task.id!r}; ids are unique within a run")
        seen.add(task.id)
    if not isinstance(verifier, Verifier):
        raise UserError(f"a verifier has a name, answer() and score(); {type(verifier).__name__} has not")
    verifier.score(found[0], "")
    return found


def _at_least_one(**settings: int) -> None:
    for key, value in settings.items():
        if not isinstance(value, int) or value < 1:
            raise UserError(f"{key}={value!r} of rollout: give a whole number from 1 on")


def _settings(
    app: CompiledStateGraph[Any, Any, Any, Any], tasks: Sequence[Task], verifier: Verifier, repeats: int
) -> dict[str, JsonValue]:
    """What must be equal for a run to be continued."""
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(json.dumps(task.model_dump(), sort_keys=True).encode() + b"\n")
    return {
        "graph": graph_settings(app),
        "verifier": plain(verifier),
        "repeats": repeats,
        "tasks": {
            "count": len(tasks),
            "first": tasks[0].id,
            "last": tasks[-1].id,
            "sha256": digest.hexdigest(),
        },
    }


def _tally(run: Run, verifier: Verifier, total: int, waiting: int) -> Tally:
    """The counts at the start, those of an earlier call included."""
    before = run.summary()["scores"].get(verifier.name, {})
    return Tally(total, total - waiting, before.get("passed", 0), before.get("scored", 0))
