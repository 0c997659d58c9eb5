"""Training with TRL in a child process, from rows to a model directory.

The process that holds an engine never imports a training library: it writes a job (`job.json`, `rows.jsonl`) into
`OUT.partial`, starts `tutelage.training.jobs.worker` on it and waits. The worker renames its finished directory to
OUT, so OUT is either whole or absent. The same job given again is not done again; after a kill it goes on from its
last checkpoint, where `checkpoint_every` asked for them. Not covered: several processes for one job (use
`accelerate` on TRL yourself).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.errors import EngineError, MissingDependency, UserError
from tutelage.training.dataset import write_rows
from tutelage.training.jobs.feed import Answer, Question, serve
from tutelage.training.jobs.job import TrainingJob
from tutelage.training.jobs.settings import UpdateSettings
from tutelage.training.objectives import objective_named

__all__ = ["launch", "train"]


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
        `out`: config, weights in the base's dtype, the base's tokenizer files, and `policy.json`.

    Raises:
        UserError: an unknown objective, settings of another one, no rows, rows without the columns, or `out` is there
            and is not this very job's.
        ModelDirectoryError: `base` is broken.
        MissingDependency: TRL is not installed.
        EngineError: the training died.
    """
    return launch(objective, base, dataset, out, settings, lineage=lineage, progress=progress)


def launch(
    objective: str,
    base: str | Path,
    dataset: Sequence[Mapping[str, Any]],
    out: str | Path,
    settings: UpdateSettings | None,
    *,
    lineage: Mapping[str, JsonValue] | None = None,
    progress: bool = True,
    answer: Answer | None = None,
) -> Path:
    """The same for a training that asks for rows while it runs; see `train`.

    Args:
        answer: makes the rows of a step.
    """
    found = objective_named(objective)
    chosen = found.settings() if settings is None else settings
    if type(chosen) is not found.settings:
        raise UserError(f"{objective!r} takes {found.settings.__name__}, not {type(chosen).__name__}")
    found.check(dataset)
    if find_spec("trl") is None:
        raise MissingDependency("training needs the package 'trl': pip install 'tutelage[train]'")
    job = TrainingJob.of(objective, Path(base), dataset, Path(out).absolute(), chosen, lineage or {})
    target = Path(job.out)
    if not _done(job, target):
        work = target.with_name(f"{target.name}.partial")
        _prepare(work, job, dataset)
        _work(work, progress, answer)
        shutil.rmtree(work)
    return target


def _done(job: TrainingJob, target: Path) -> bool:
    """Whether the job's directory is there already.

    Raises:
        UserError: something else is.
    """
    if not target.exists():
        return False
    origin = target / "policy.json"
    if origin.is_file() and json.loads(origin.read_text(encoding="utf-8")).get("job") == job.digest:
        return True
    raise UserError(f"{str(target)!r} is there and is of another training; give another out=, or remove it")


def _prepare(work: Path, job: TrainingJob, dataset: Sequence[Mapping[str, Any]]) -> None:
    """Lay out a job's directory; a killed run of the same job keeps its checkpoints."""
    file = work / "job.json"
    try:
        known = file.is_file() and TrainingJob.model_validate_json(file.read_bytes()).digest == job.digest
    except ValueError:
        known = False
    if work.exists() and not known:
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    (work / "error.json").unlink(missing_ok=True)
    write_rows(work / "rows.jsonl", dataset)
    file.write_text(job.model_dump_json(indent=2), encoding="utf-8")


def _work(work: Path, progress: bool, answer: Answer | None) -> None:
    """Run the worker to its end.

    Raises:
        UserError: the worker refuses the job.
        EngineError: it died.
    """
    command = [sys.executable, "-P", "-m", "tutelage.training.jobs.worker", "--job", str(work / "job.json")]
    command += ["--parent", str(os.getpid()), *([] if progress else ["--quiet"])]
    paths = [path for path in sys.path if path and Path(path).is_dir()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    questions, asks = os.pipe()
    hears, answers = os.pipe()
    command += [] if answer is None else ["--feed", str(asks), str(hears)]
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, pass_fds=(asks, hears))
    os.close(asks)
    os.close(hears)
    with child:
        try:
            serve(questions, answers, answer or _unasked)
            code = child.wait()
        except BaseException:
            child.terminate()
            raise
    if code == 0:
        return
    told = work / "error.json"
    if told.is_file():
        raise UserError(json.loads(told.read_text(encoding="utf-8"))["error"])
    killed = " (killed, most often for want of memory: try a smaller batch_size)" if code == -9 else ""
    raise EngineError(
        f"the training ended with code {code}{killed}; its messages are above, its files in {str(work)!r}"
    )


def _unasked(question: Question) -> Path:
    raise AssertionError(f"nobody makes rows for step {question.step}")
