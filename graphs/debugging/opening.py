"""`debug`: open a debugging session, new or kept, over a graph and a task, or over a rollout on record.

Not covered: driving it (`session.Session`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.errors import StoreError, UserError
from tutelage.graphs.compiled import AnyGraph, check_end, compiled, graph_settings, input_keys, plain
from tutelage.graphs.debugging.fields import is_message_list, with_ids
from tutelage.graphs.debugging.keeping import Keeper
from tutelage.graphs.debugging.session import Session
from tutelage.graphs.debugging.stepping import Mode
from tutelage.graphs.debugging.watching import App
from tutelage.graphs.debugging.workbench import Workbench
from tutelage.graphs.outcome import plain_value
from tutelage.graphs.state import initial_state
from tutelage.tools import Verifier
from tutelage.traces import Rollout, Run, Store
from tutelage.traces.session_log import SESSION_FILE, SessionLog
from tutelage.types import Task

__all__ = ["debug", "is_session", "session_settings"]

MAIN = "main"


def debug(
    graph: AnyGraph,
    task: Task | str | Mapping[str, Any] | None = None,
    *,
    verifier: Verifier | None = None,
    store: str | Path | None = None,
    run: str | Path | None = None,
    rollout: str | None = None,
    context: Any = None,
    about: Mapping[str, JsonValue] | None = None,
) -> Session:
    """Open a session; it is held before the first node, or where it was left.

    Args:
        graph: A `StateGraph` or a compiled graph, ours or anyone's; it is not changed.
        task: A task, a problem's text, or the graph's own input; `None` where a session is opened again or a rollout
            replayed.
        verifier: Judges the ends of branches.
        store: The session's directory; the same again opens it where it was. `None`: in memory.
        run: A recorded run, whose rollout answers the model calls until the graph leaves that record.
        rollout: The rollout's id, whole, or its beginning or end; `None`: the first that failed, else that did not
            pass, else the first.
        context: LangGraph's run-time context, where the graph has one.
        about: Plain data to be kept with the session.

    Raises:
        UserError: There is nothing to debug, the graph cannot run, or the directory's session has another task.
        StoreError: The directory cannot be written, or holds a run that is no session.
    """
    app = compiled(graph)
    replayed = None if run is None else _recorded(run, rollout)
    if task is None and replayed is not None:
        task = replayed[1].task
    opened = _opened(store)
    try:
        return _session(app, task, verifier, opened, replayed, context, about or {})
    except BaseException:
        opened.close()
        if replayed is not None:
            replayed[0].close()
        raise


def is_session(path: str | Path) -> bool:
    """Whether a directory holds a session."""
    try:
        return (Path(path) / SESSION_FILE).is_file()
    except OSError:
        return False


def session_settings(path: str | Path) -> dict[str, JsonValue]:
    """Give what a kept session was opened with: `task`, `verifier`, `graph`, `replayed`, `about`.

    Raises:
        StoreError: There is no session.
    """
    if not is_session(path):
        raise StoreError(f"no session is kept in {str(path)!r}: it has no file {SESSION_FILE!r}")
    log = SessionLog.open(Path(path))
    try:
        found = log.begun()
    finally:
        log.close()
    return {} if found is None else found[0]


def _opened(store: str | Path | None) -> Store:
    if store is None:
        return Store.memory()
    opened = Store.open(store)
    if not is_session(store) and opened.begun() and opened.run().settings.get("session") is not True:
        opened.close()
        raise StoreError(
            f"{str(store)!r} holds a run that is no session; give another directory, "
            "or debug one of its rollouts with run="
        )
    return opened


def _session(
    app: App,
    task: Task | str | Mapping[str, Any] | None,
    verifier: Verifier | None,
    opened: Store,
    replayed: tuple[Run, Rollout] | None,
    context: Any,
    about: Mapping[str, JsonValue],
) -> Session:
    log = SessionLog.open(opened.path)
    keeper = Keeper(log, app)
    known = log.begun()
    if known is None:
        _check_new(opened, log)
        if verifier is not None:
            check_end(app)
            verifier.score(_work(app, task)[0], "")
        work, given = _work(app, task)
        kept = keeper.bytes_of(given) if isinstance(task, Mapping) else None
        own = "kept" if kept is not None else "not kept" if isinstance(task, Mapping) else "of the task"
        settings = {**_settings(app, work, verifier, replayed, about), "input": own}
        run = opened.start_run(settings)
        log.begin(settings, kept)
    else:
        settings, kept = known
        work = Task.model_validate(settings["task"])
        _check_same(work, task, settings, verifier)
        given = _given_again(app, work, task, kept, settings, keeper)
        run = opened.start_run(settings)
        replayed = replayed or _replayed_before(settings)
    bench = Workbench(
        app, task=work, given=given, run=run, log=log, verifier=verifier, replayed=replayed, context=context
    )
    try:
        return _first(bench, new=known is None or not log.branches())
    except BaseException:
        bench.close()
        raise


def _check_new(opened: Store, log: SessionLog) -> None:
    """Refuse to begin anew where a run has branches whose log is gone."""
    if opened.path is not None and opened.begun() and opened.run().rollouts():
        log.close()
        raise StoreError(
            f"the run in {str(opened.path)!r} has branches of a session, but {SESSION_FILE!r} beside it is empty; "
            "restore it from a copy, or give another directory"
        )


def _first(bench: Workbench, *, new: bool) -> Session:
    bench.breakpoints.load(bench.log.breakpoints())
    if new:
        for node in bench.shape.static_interrupts("interrupt_before_nodes"):
            bench.breakpoints.add(node=node, at="before")
        for node in bench.shape.static_interrupts("interrupt_after_nodes"):
            bench.breakpoints.add(node=node, at="after")
        branch, recorder = bench.make_branch(MAIN)
        bench.execute(branch, recorder, mode=Mode("start"))
        return Session(bench, branch)
    bench.take_up()
    return Session(bench, bench.latest())


def _work(app: App, task: Task | str | Mapping[str, Any] | None) -> tuple[Task, Any]:
    """The task, and the graph's input."""
    if task is None:
        raise UserError("there is nothing to debug: give a task, a problem's text, or the graph's input")
    if isinstance(task, str):
        task = Task(id="debug", problem=task)
    if isinstance(task, Task):
        return task, initial_state(input_keys(app), task)
    if not isinstance(task, Mapping):
        raise UserError(f"a task is a Task, a text or the graph's input, not {type(task).__name__}")
    known = input_keys(app)
    unknown = sorted(set(task) - set(known))
    if known and unknown:
        raise UserError(f"the graph's input has no field {unknown[0]!r}; it has: {', '.join(sorted(known))}")
    lists = {name for name, channel in app.builder.channels.items() if is_message_list(channel)}
    given = {name: with_ids(value) if name in lists else value for name, value in task.items()}
    return Task(id="debug", problem=_problem(task)), given


def _problem(given: Mapping[str, Any]) -> str:
    """What to call an input: its problem, question or last message, else all of it."""
    for name in ("problem", "question", "input", "query"):
        if isinstance(given.get(name), str):
            return str(given[name])
    messages = given.get("messages")
    if isinstance(messages, list) and messages:
        last = messages[-1]
        return str(getattr(last, "text", None) or (last[1] if isinstance(last, tuple) else last))
    return str(plain_value(given))


def _settings(
    app: App,
    task: Task,
    verifier: Verifier | None,
    replayed: tuple[Run, Rollout] | None,
    about: Mapping[str, JsonValue],
) -> dict[str, JsonValue]:
    settings: dict[str, JsonValue] = {
        "session": True,
        "task": task.model_dump(mode="json"),
        "graph": graph_settings(app),
        "verifier": None if verifier is None else plain(verifier),
        "about": dict(about),
    }
    if replayed is not None:
        run, rollout = replayed
        settings["replayed"] = {"run": str(Path(run.path or "").absolute()), "rollout": rollout.id}
    return settings


def _check_same(work: Task, task: Any, settings: Mapping[str, JsonValue], verifier: Verifier | None) -> None:
    """A kept session goes on with its own task and verifier; its graph may have been mended."""
    if isinstance(task, str):
        task = Task(id="debug", problem=task)
    if isinstance(task, Task) and task != work:
        raise UserError(
            f"the session is about task {work.id!r}, not {task.id!r}; leave the task out, or give another directory"
        )
    if verifier is not None and plain(verifier) != settings.get("verifier"):
        raise UserError(f"the session was judged by {settings.get('verifier')!r}; give the same verifier")


def _given_again(
    app: App, work: Task, task: Any, kept: bytes | None, settings: Mapping[str, JsonValue], keeper: Keeper
) -> Any:
    """The graph's input of a kept session."""
    if settings["input"] == "of the task":
        if isinstance(task, Mapping):
            raise UserError(
                f"the session is about task {work.id!r}; leave the input out, or give another directory"
            )
        return initial_state(input_keys(app), work)
    if kept is None:
        if not isinstance(task, Mapping):
            raise UserError(
                "the session's input could not be kept; give it again: debug(graph, input, store=…)"
            )
        return _work(app, task)[1]
    if isinstance(task, Mapping) and keeper.bytes_of(_work(app, task)[1]) != kept:
        raise UserError("the session is about another input; leave it out, or give another directory")
    return keeper.value_of(kept)


def _replayed_before(settings: Mapping[str, JsonValue]) -> tuple[Run, Rollout] | None:
    known = settings.get("replayed")
    if not isinstance(known, dict):
        return None
    return _recorded(str(known["run"]), str(known["rollout"]))


def _recorded(run: str | Path, rollout: str | None) -> tuple[Run, Rollout]:
    from tutelage.traces.finding import find

    recorded = Run.open(run)
    try:
        if rollout is None:
            return recorded, _worst(recorded)
        found = find(recorded, rollout)
        if found.kind == "task":
            wanted = [each for each in recorded.rollouts() if each.task.id == found.id]
            return recorded, _worst(recorded, wanted)
        return recorded, recorded.rollout(
            found.id if found.kind == "rollout" else recorded.turn(found.id).rollout_id
        )
    except BaseException:
        recorded.close()
        raise


def _worst(run: Run, among: list[Rollout] | None = None) -> Rollout:
    """The first rollout that failed, else that did not pass, else the first."""
    rollouts = run.rollouts() if among is None else among
    if not rollouts:
        raise UserError(f"run {run.name!r} has no rollout to debug")
    passed = {row.rollout_id: row.score.passed for row in run.scores(subject="rollout")}
    failed = [each for each in rollouts if each.status == "failed"]
    wrong = [each for each in rollouts if passed.get(each.id) is False]
    return (failed or wrong or rollouts)[0]
