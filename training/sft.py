"""Supervised fine-tuning with TRL in a child process, from rows to a policy directory.

The process that holds an engine never imports a training library: it writes a job (`job.json`,
`rows.jsonl`) into `OUT.partial`, starts `tutelage.training.sft_worker` on it and waits. The worker renames
its finished policy directory to OUT, so OUT is either whole or absent. The same job given again is not done
again; after a kill it goes on from its last checkpoint, where `checkpoint_every` asked for them. Not
covered: several processes for one job (use `accelerate` on TRL yourself), adapters.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.agents.model_directory import open_model_directory
from tutelage.errors import EngineError, MissingDependency, UserError
from tutelage.training.dataset import write_rows
from tutelage.training.sft_job import SftJob, SftSettings

__all__ = ["train_sft"]


def train_sft(
    base: str | Path,
    dataset: Sequence[Mapping[str, Any]],
    out: str | Path,
    settings: SftSettings | None = None,
    *,
    lineage: Mapping[str, JsonValue] | None = None,
    progress: bool = True,
) -> Path:
    """Fine-tune the weights of a directory on prompt-completion rows.

    Only the completion's tokens and the end token after them carry loss.

    Args:
        base: a model directory.
        dataset: rows with `prompt` and `completion`, as `rows` makes them.
        out: the new policy directory.
        settings: how to train; `None` for the defaults.
        lineage: what the new directory's `policy.json` shall say of its origin.
        progress: show a progress bar on stderr.

    Returns:
        `out`: config, weights in the base's dtype, the base's tokenizer files, and `policy.json`.

    Raises:
        UserError: no rows, or `out` is there and is not this very job's.
        ModelDirectoryError: `base` is broken.
        MissingDependency: TRL is not installed.
        EngineError: the training died.
    """
    if not dataset:
        raise UserError("there is not a single row to train on; select more, or roll out more tasks")
    if find_spec("trl") is None:
        raise MissingDependency("training needs the package 'trl': pip install 'tutelage[train]'")
    job = _job(Path(base), dataset, Path(out).absolute(), settings or SftSettings(), lineage or {})
    target = Path(job.out)
    if not _done(job, target):
        work = target.with_name(f"{target.name}.partial")
        _prepare(work, job, dataset)
        _work(work, progress)
        shutil.rmtree(work)
    return target


def _job(
    base: Path,
    dataset: Sequence[Mapping[str, Any]],
    out: Path,
    settings: SftSettings,
    lineage: Mapping[str, JsonValue],
) -> SftJob:
    directory = open_model_directory(base)
    policy = directory.policy()
    same = {"base": policy, "settings": settings.model_dump(mode="json"), "lineage": lineage, "rows": dataset}
    digest = sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
    return SftJob(
        base=str(directory.path),
        base_policy=policy,
        out=str(out),
        settings=settings,
        lineage=lineage,
        digest=digest,
    )


def _done(job: SftJob, target: Path) -> bool:
    """Whether the job's policy directory is there already.

    Raises:
        UserError: something else is.
    """
    if not target.exists():
        return False
    origin = target / "policy.json"
    if origin.is_file() and json.loads(origin.read_text(encoding="utf-8")).get("job") == job.digest:
        return True
    raise UserError(f"{str(target)!r} is there and is of another training; give another out=, or remove it")


def _prepare(work: Path, job: SftJob, dataset: Sequence[Mapping[str, Any]]) -> None:
    """Lay out a job's directory; a killed run of the same job keeps its checkpoints."""
    file = work / "job.json"
    try:
        known = file.is_file() and SftJob.model_validate_json(file.read_bytes()).digest == job.digest
    except ValueError:
        known = False
    if work.exists() and not known:
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    (work / "error.json").unlink(missing_ok=True)
    write_rows(work / "rows.jsonl", dataset)
    file.write_text(job.model_dump_json(indent=2), encoding="utf-8")


def _work(work: Path, progress: bool) -> None:
    """Run the worker to its end.

    Raises:
        UserError: the worker refuses the job.
        EngineError: it died.
    """
    command = [sys.executable, "-P", "-m", "tutelage.training.sft_worker", "--job", str(work / "job.json")]
    command += ["--parent", str(os.getpid()), *([] if progress else ["--quiet"])]
    paths = [path for path in sys.path if path and Path(path).is_dir()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as child:
        try:
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
