"""What `tutelage debug SUBJECT` debugs: a kept session, a rollout of a stored run, or a task."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.cli.options import exists, tasks_of
from tutelage.cli.terminal.setup import Setup, kept_setup, recorded_setup
from tutelage.errors import UserError
from tutelage.graphs.debugging import is_session, session_settings
from tutelage.traces import Run
from tutelage.types import Task

__all__ = ["Subject", "subject_of"]

RUN = "run.sqlite"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is debugged."""

    setup: Setup
    """What is known of how it came about."""
    store: Path
    """Where the session is kept."""
    task: Task | None = None
    judged: Task | None = None
    """The task of a session that is opened again, which brings it itself."""
    run: Path | None = None
    """The stored run whose rollout is replayed."""
    rollout: str | None = None
    """Which one: the beginning or end of its id, or a task's."""


def subject_of(text: str, rollout: str | None, task_id: str | None, store: Path | None) -> Subject:
    """Say what a SUBJECT is.

    Args:
        text: A session's or a run's directory, a run in one file, TASKS, or a problem in words.
        rollout: With a run: which rollout.
        task_id: With TASKS: which one; by default the first. With a run: the task whose rollout is looked for.
        store: Where the session is to be kept.

    Raises:
        UserError: It is nothing of these, or there is no such task.
    """
    path = Path(text)
    if is_session(path):
        return _kept(path, rollout, task_id, store)
    if exists(text) and ((path / RUN).is_file() or (path.suffix == ".sqlite" and path.is_file())):
        with Run.open(path) as run:
            setup = recorded_setup(run)
        return Subject(setup, store or _fresh(), run=path, rollout=rollout or task_id)
    if rollout is not None:
        raise UserError(f"{text!r} is no recorded run, which alone has rollouts; leave {rollout!r} out")
    return Subject(Setup(), store or _fresh(), task=_task(text, task_id))


def _kept(path: Path, rollout: str | None, task_id: str | None, store: Path | None) -> Subject:
    other = next((each for each in (rollout, task_id, store) if each is not None), None)
    if other is not None:
        raise UserError(
            f"{str(path)!r} is a kept session, which opens where it was; leave {str(other)!r} out"
        )
    task = Task.model_validate(session_settings(path)["task"])
    return Subject(kept_setup(path), path, judged=task)


def _task(text: str, task_id: str | None) -> Task:
    if " " in text.strip() and not exists(text):
        return Task(id="typed", problem=text)
    found: Sequence[Task] = tasks_of(text)
    if task_id is None:
        return found[0]
    for each in found:
        if each.id == task_id:
            return each
    raise UserError(f"{text!r} has no task {task_id!r}; its first is {found[0].id!r}")


def _fresh() -> Path:
    return Path("runs") / f"debug-{time.strftime('%Y%m%d-%H%M%S')}"
