"""The child process of a training: `python -m tutelage.training.jobs.worker --job DIR/job.json`.

It holds a trainer and nothing of an engine. A job that cannot be done as asked is written to `error.json` and ends with
code 2; anything else is a traceback on stderr and code 1. Not covered: what is trained
(`tutelage.training.objectives`).
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.training.jobs.arguments import prepare_environment, threads_of
from tutelage.training.jobs.feed import Feed
from tutelage.training.jobs.job import TrainingJob
from tutelage.training.objectives import objective_named
from tutelage.training.objectives.lora import NAME
from tutelage.training.objectives.objective import Built, Site
from tutelage.training.policy_directory import write_adapter_directory, write_policy_directory

__all__ = ["build", "main"]


def main(arguments: list[str] | None = None) -> int:
    """Do the job and give the exit code."""
    parser = argparse.ArgumentParser(prog="tutelage.training.jobs.worker")
    parser.add_argument("--job", type=Path, required=True, help="the job's job.json")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    parser.add_argument("--feed", type=int, nargs=2, help="pipes to ask and to hear on")
    given = parser.parse_args(arguments)
    work = given.job.parent
    if given.parent is not None:
        threading.Thread(target=_end_with, args=(given.parent,), daemon=True).start()
    try:
        job = TrainingJob.model_validate_json(given.job.read_bytes())
        _train(work, job, Feed(*given.feed) if given.feed else None, quiet=given.quiet)
    except UserError as error:
        (work / "error.json").write_text(json.dumps({"error": str(error)}), encoding="utf-8")
        return 2
    return 0


def build(work: Path, job: TrainingJob, feed: Feed | None = None, *, quiet: bool = True) -> Built:
    """Make the trainer of a job.

    Args:
        work: the job's directory, with `rows.jsonl`.
        job: the job.
        feed: where rows come from that are made while the training runs.
        quiet: show no progress bar.

    Raises:
        UserError: the rows, the base and the objective do not go together.
    """
    objective = objective_named(job.objective)
    settings = objective.settings.model_validate(job.settings)
    prepare_environment(settings, job.logs)
    import torch
    from transformers import AutoTokenizer
    from transformers.trainer_callback import PrinterCallback
    from transformers.utils.logging import disable_progress_bar

    from tutelage.training.progress import Progress

    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads_of(settings))
    torch.manual_seed(settings.seed)
    with (work / "rows.jsonl").open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    base = Path(job.base)
    built = objective.build(Site(work, base, settings, rows, AutoTokenizer.from_pretrained(base), feed))
    built.trainer.remove_callback(PrinterCallback)
    built.trainer.add_callback(Progress(quiet=quiet))
    return built


def _train(work: Path, job: TrainingJob, feed: Feed | None, *, quiet: bool) -> None:
    built = build(work, job, feed, quiet=quiet)
    trainer: Any = built.trainer
    resumed = _last_checkpoint(work / "checkpoints")
    if resumed is not None and job.settings.get("adapter") is not None:
        from tutelage.training.trainers.restored_adapter import RestoredAdapter

        trainer.add_callback(RestoredAdapter(resumed, NAME))
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    seconds = time.monotonic() - started
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    origin: Mapping[str, JsonValue] = {
        "format": 1,
        "job": job.digest,
        "objective": job.objective,
        "base": {"directory": job.base, "policy": job.base_policy},
        **({} if job.start_policy is None else {"start": {"policy": job.start_policy}}),
        "lineage": dict(job.lineage),
        "settings": dict(job.settings),
        "learning_rate": trainer.args.learning_rate,
        "rows": dict(built.counts),
        "updates": trainer.state.global_step,
        "resumed_from": None if resumed is None else resumed.name,
        "loss": {"first": losses[0], "last": losses[-1]} if losses else None,
        "seconds": round(seconds, 1),
        "versions": {name: version(name) for name in ("torch", "transformers", "trl")},
        **built.report(),
    }
    model = trainer.accelerator.unwrap_model(trainer.model)
    base, making, out = Path(job.base), work / "policy", Path(job.out)
    if job.settings.get("adapter") is None:
        write_policy_directory(model, base, making, out, origin)
    else:
        write_adapter_directory(model, NAME, base, making, out, origin)


def _last_checkpoint(directory: Path) -> Path | None:
    """The last checkpoint that was written to its end."""
    whole = [file.parent for file in directory.glob("checkpoint-*/trainer_state.json")]
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def _end_with(parent: int) -> None:
    """End when the parent is gone, so that a job started anew never has two workers."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
