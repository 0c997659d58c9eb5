"""Training with TRL in a child process, from rows to a model directory or to an adapter's.

The process that holds an engine never imports a training library: it writes a job (`job.json`, `rows.jsonl`) into
`OUT.partial`, starts `tutelage.training.jobs.worker` on it and waits. The worker renames its finished directory to
OUT, so OUT is either whole or absent. The same job given again is not done again; after a kill it goes on from its
last checkpoint, where `checkpoint_every` asked for them. Not covered: several processes for one job (use
`accelerate` on TRL yourself).
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue

from tutelage.errors import MissingDependency, UserError
from tutelage.training.dataset import write_rows
from tutelage.training.jobs.feed import Answers
from tutelage.training.jobs.job import TrainingJob
from tutelage.training.jobs.settings import UpdateSettings
from tutelage.training.jobs.workers import run_workers
from tutelage.training.objectives import objective_named

__all__ = ["Training", "launch_together", "train"]


class Training(NamedTuple):
    """One of several that run together."""

    base: Path
    """The model directory to start from."""
    out: Path
    settings: UpdateSettings | None


def train(
    objective: str,
    base: str | Path,
    dataset: Sequence[Mapping[str, Any]],
    out: str | Path,
    settings: UpdateSettings | None = None,
    *,
    lineage: Mapping[str, JsonValue] | None = None,
    progress: bool = True,
) -> Path:
    """Train the weights of a directory on rows.

    Args:
        objective: what to optimise; `tutelage.training.OBJECTIVES` has them all.
        base: a model directory.
        dataset: rows with the columns that the objective reads, as an export of its format has them.
        out: the new directory.
        settings: how to train, of the objective's own class; `None` for the defaults.
        lineage: what the new directory's `policy.json` shall say of its origin.
        progress: show a progress bar on stderr.

    Returns:
        `out`: config, weights in the base's dtype, the base's tokenizer files, and `policy.json`; with
        `settings.adapter` an adapter's directory in PEFT's layout, and `policy.json`.

    Raises:
        UserError: an unknown objective, settings of another one, no rows, rows without the columns, or `out` is there
            and is not this very job's.
        ModelDirectoryError: `base` is broken.
        MissingDependency: TRL is not installed.
        EngineError: the training died.
    """
    training = Training(Path(base), Path(out).absolute(), settings)
    launch_together(objective, {"": training}, dataset, lineage=lineage, progress=progress)
    return training.out


def launch_together(
    objective: str,
    trainings: Mapping[str, Training],
    dataset: Sequence[Mapping[str, Any]],
    *,
    lineage: Mapping[str, JsonValue] | None = None,
    progress: bool = True,
    answers: Answers | None = None,
) -> None:
    """Several trainings at once, each in a process of its own; those that are done are not done again.

    Args:
        objective: what all optimise.
        trainings: by name.
        dataset: the rows of each.
        lineage: what each `policy.json` shall say.
        progress: show a progress bar on stderr.
        answers: makes the rows of a step.

    Raises:
        As `train`.
    """
    found = objective_named(objective)
    found.check(dataset)
    _check_finite(dataset)
    jobs = {}
    for name, (base, out, settings) in trainings.items():
        chosen = found.settings() if settings is None else settings
        if type(chosen) is not found.settings:
            raise UserError(f"{objective!r} takes {found.settings.__name__}, not {type(chosen).__name__}")
        found.check_adapter(chosen.adapter)
        _check_installed(chosen)
        jobs[name] = TrainingJob.of(objective, base, dataset, out.absolute(), chosen, lineage or {})
    folders = {
        name: Path(f"{job.out}.partial") for name, job in jobs.items() if not _done(job, Path(job.out))
    }
    with ExitStack() as claims:
        for name, folder in folders.items():
            claims.enter_context(_claimed(folder))
            _prepare(folder, jobs[name], dataset)
        run_workers(folders, progress=progress, answers=answers)
        for folder in folders.values():
            shutil.rmtree(folder)


@contextmanager
def _claimed(work: Path) -> Iterator[None]:
    """Hold a job's directory, which another process then does not touch.

    Raises:
        UserError: another one holds it.
    """
    work.mkdir(parents=True, exist_ok=True)
    handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{str(work)!r} is being trained in already; wait, or give another out="
            ) from None
        yield
    finally:
        os.close(handle)


def _check_finite(dataset: Sequence[Mapping[str, Any]]) -> None:
    for number, row in enumerate(dataset, 1):
        try:
            json.dumps(row, allow_nan=False)
        except ValueError:
            raise UserError(
                f"row {number} has a number that is not finite (NaN or infinity); mend the row or leave it out"
            ) from None


def _check_installed(settings: UpdateSettings) -> None:
    needed = ["trl"] if settings.adapter is None else ["trl", "peft"]
    for package in needed:
        if find_spec(package) is None:
            raise MissingDependency(f"training needs the package {package!r}: pip install 'tutelage[train]'")
    if settings.report != "none" and find_spec(settings.report) is None:
        raise MissingDependency(
            f"report={settings.report!r} needs the package of this name: pip install 'tutelage[{settings.report}]'"
        )


def _done(job: TrainingJob, target: Path) -> bool:
    """Whether the job's directory is there already.

    Raises:
        UserError: something else is.
    """
    if not target.exists():
        return False
    try:
        origin = json.loads((target / "policy.json").read_bytes())
        if origin.get("job") == job.digest:
            return True
    except (OSError, ValueError, AttributeError):
        pass  # Whatever it is, it is not this training's.
    raise UserError(f"{str(target)!r} is there and is of another training; give another out=, or remove it")


def _prepare(work: Path, job: TrainingJob, dataset: Sequence[Mapping[str, Any]]) -> None:
    """Lay out a job's directory; a killed run of the same job keeps its checkpoints.

    Raises:
        UserError: there are checkpoints of another job.
    """
    file = work / "job.json"
    try:
        known = file.is_file() and TrainingJob.model_validate_json(file.read_bytes()).digest == job.digest
    except ValueError:
        known = False
    if not known:
        if any(work.glob("checkpoints/*")):
            raise UserError(
                f"{str(work)!r} has checkpoints of a training with other rows or settings; go on with those, remove it "
                "to begin anew, or give another out="
            )
        _clear(work)
    (work / "error.json").unlink(missing_ok=True)
    write_rows(work / "rows.jsonl", dataset)
    file.write_text(job.model_dump_json(indent=2), encoding="utf-8")


def _clear(work: Path) -> None:
    """Remove what is in a directory, which stays and stays locked."""
    for each in work.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
