"""The child process of a fine-tuning: `python -m tutelage.training.sft_worker --job DIR/job.json`.

It holds TRL's `SFTTrainer` and nothing of an engine. A job that cannot be done as asked is written to
`error.json` and ends with code 2; anything else is a traceback on stderr and code 1. Not covered: why the
pieces are as they are (`tutelage.training.sft` and `tutelage.training.completion_mask` say that).
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.training.completion_mask import IGNORED, encode, end_token
from tutelage.training.policy_directory import write_policy_directory
from tutelage.training.sft_job import SftJob, SftSettings

if TYPE_CHECKING:
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import PreTrainedModel
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

__all__ = ["build_trainer", "main"]

RATES = ((10_000_000, 4e-4), (1_000_000_000, 2e-4))
"""Learning rates for models of fewer parameters than the first number."""
RATE = 2e-5
"""The learning rate for all larger ones."""


def main(arguments: list[str] | None = None) -> int:
    """Do the job and give the exit code."""
    parser = argparse.ArgumentParser(prog="tutelage.training.sft_worker")
    parser.add_argument("--job", type=Path, required=True, help="the job's job.json")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    given = parser.parse_args(arguments)
    work = given.job.parent
    if given.parent is not None:
        threading.Thread(target=_end_with, args=(given.parent,), daemon=True).start()
    try:
        _train(work, SftJob.model_validate_json(given.job.read_bytes()), quiet=given.quiet)
    except UserError as error:
        (work / "error.json").write_text(json.dumps({"error": str(error)}), encoding="utf-8")
        return 2
    return 0


def build_trainer(work: Path, job: SftJob, *, quiet: bool = True) -> tuple["SFTTrainer", Mapping[str, int]]:
    """Load the base, encode the rows, make the trainer.

    Args:
        work: the job's directory, with `rows.jsonl`.
        job: the job.
        quiet: show no progress bar.

    Returns:
        The trainer, and how many rows there are (`rows`), are trained on (`trained`), are `too_long`, and how many
        `tokens` and tokens with loss (`learnt_tokens`) an epoch has.

    Raises:
        UserError: no row fits the model.
    """
    _environment(job.settings)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.trainer_callback import PrinterCallback
    from transformers.utils.logging import disable_progress_bar
    from trl.trainer.sft_trainer import SFTTrainer

    from tutelage.training.progress import Progress

    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(_threads(job.settings))
    tokenizer = AutoTokenizer.from_pretrained(job.base)
    model = AutoModelForCausalLM.from_pretrained(job.base, dtype=torch.float32)
    dataset, counts = _dataset(work, job, tokenizer, model)
    trainer = SFTTrainer(
        model=model,
        args=_config(work, job.settings, model, len(dataset)),
        train_dataset=dataset,
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(quiet=quiet))
    return trainer, counts


def _train(work: Path, job: SftJob, *, quiet: bool) -> None:
    trainer, counts = build_trainer(work, job, quiet=quiet)
    resumed = _last_checkpoint(work / "checkpoints")
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    seconds = time.monotonic() - started
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    origin: dict[str, JsonValue] = {
        "format": 1,
        "job": job.digest,
        "objective": "sft",
        "base": {"directory": job.base, "policy": job.base_policy},
        "lineage": dict(job.lineage),
        "settings": job.settings.model_dump(mode="json"),
        "learning_rate": trainer.args.learning_rate,
        "rows": dict(counts),
        "updates": trainer.state.global_step,
        "resumed_from": None if resumed is None else resumed.name,
        "loss": {"first": losses[0], "last": losses[-1]} if losses else None,
        "seconds": round(seconds, 1),
        "versions": {name: version(name) for name in ("torch", "transformers", "trl")},
    }
    model: PreTrainedModel = trainer.accelerator.unwrap_model(trainer.model)
    write_policy_directory(model, Path(job.base), work / "policy", Path(job.out), origin)


def _dataset(
    work: Path, job: SftJob, tokenizer: Any, model: "PreTrainedModel"
) -> tuple["Dataset", dict[str, int]]:
    from datasets import Dataset

    with (work / "rows.jsonl").open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    encoded = encode(rows, tokenizer, end_token(tokenizer, model.generation_config))
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    longest = job.settings.max_length or context or max(row["length"] for row in encoded)
    fitting = [row for row in encoded if row["length"] <= longest]
    if not fitting:
        raise UserError(f"not one of {len(rows)} rows fits into {longest} tokens; give a larger max_length")
    counts = {
        "rows": len(rows),
        "trained": len(fitting),
        "too_long": len(rows) - len(fitting),
        "tokens": sum(row["length"] for row in fitting),
        "learnt_tokens": sum(label != IGNORED for row in fitting for label in row["labels"]),
    }
    return Dataset.from_list(fitting), counts


def _config(work: Path, settings: SftSettings, model: "PreTrainedModel", rows: int) -> "SFTConfig":
    import torch
    from trl.trainer.sft_config import SFTConfig

    gpu = settings.device == "auto" and torch.cuda.is_available()
    saving: dict[str, Any] = {"save_strategy": "no"}
    if settings.checkpoint_every is not None:
        saving = {"save_strategy": "steps", "save_steps": settings.checkpoint_every, "save_total_limit": 1}
    return SFTConfig(
        output_dir=str(work / "checkpoints"),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate or _rate(model.num_parameters()),
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        lr_scheduler_type="constant_with_warmup" if settings.schedule == "constant" else settings.schedule,
        warmup_steps=_warmup(settings, rows),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.gradient_clip,
        gradient_checkpointing=settings.gradient_checkpointing,
        use_cpu=not gpu,
        bf16=settings.precision == "bf16" or (settings.precision == "auto" and gpu),
        dataset_kwargs={"skip_prepare_dataset": True},
        train_sampling_strategy="group_by_length",
        dataloader_num_workers=0,
        dataloader_pin_memory=gpu,
        logging_steps=10,
        report_to=[],
        disable_tqdm=True,
        seed=settings.seed,
        **saving,
    )


def _warmup(settings: SftSettings, rows: int) -> int:
    """The updates of the warm-up, rounded down: the first of them has no effect, which a short training cannot spare."""
    updates = ceil(rows / (settings.batch_size * settings.gradient_accumulation)) * settings.epochs
    return int(settings.warmup * updates)


def _last_checkpoint(directory: Path) -> Path | None:
    """The last checkpoint that was written to its end."""
    whole = [file.parent for file in directory.glob("checkpoint-*/trainer_state.json")]
    return max(whole, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def _rate(parameters: int) -> float:
    return next((rate for below, rate in RATES if parameters < below), RATE)


def _threads(settings: SftSettings) -> int:
    return settings.threads or len(os.sched_getaffinity(0))


def _end_with(parent: int) -> None:
    """End when the parent is gone, so that a job started anew never has two workers."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(3)


def _environment(settings: SftSettings) -> None:
    """Set what the libraries read when they are imported: no network, no noise, one GPU, all cores."""
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TRANSFORMERS_VERBOSITY="error",
        TOKENIZERS_PARALLELISM="true",
        OMP_NUM_THREADS=str(_threads(settings)),
        CUDA_VISIBLE_DEVICES=os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],
    )


if __name__ == "__main__":
    sys.exit(main())
