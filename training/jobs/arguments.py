"""Settings as the arguments of a transformers trainer, and as the environment that its libraries read.

Not covered: what an objective adds.
"""

import os
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.training.jobs.settings import TrainingSettings, UpdateSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["arguments_of", "longest_of", "prepare_environment", "threads_of", "update_arguments"]

RATES = ((10_000_000, 4e-4), (1_000_000_000, 2e-4))
"""Learning rates for models of fewer parameters than the first number."""
RATE = 2e-5
"""The learning rate for all larger ones."""
OF_ADAPTERS = 10.0
"""An adapter's learning rate over that of whole weights (Schulman et al. 2025, "LoRA Without Regret")."""


def arguments_of(
    work: Path, settings: TrainingSettings, model: "PreTrainedModel", rows: int, rate: float = 1.0
) -> dict[str, Any]:
    """Give the arguments that trainers share which pass over rows.

    Args:
        work: the job's directory; checkpoints go into it.
        settings: how to train.
        model: what is trained.
        rows: how many rows an epoch has.
        rate: what to multiply the learning rate for the model's size with, where none is set.
    """
    updates = ceil(rows / (settings.batch_size * settings.gradient_accumulation)) * settings.epochs
    return {
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.gradient_accumulation,
        **update_arguments(work, settings, model, updates, rate),
    }


def update_arguments(
    work: Path, settings: UpdateSettings, model: "PreTrainedModel", updates: float, rate: float = 1.0
) -> dict[str, Any]:
    """Give the arguments that all trainers share.

    Args:
        work: the job's directory; checkpoints go into it.
        settings: how to train.
        model: what is trained.
        updates: how often the weights are updated.
        rate: what to multiply the learning rate for the model's size with, where none is set.
    """
    import torch

    if settings.adapter is not None:
        rate *= OF_ADAPTERS
    gpu = settings.device == "auto" and torch.cuda.is_available()
    saving: dict[str, Any] = {"save_strategy": "no"}
    if settings.checkpoint_every is not None:
        saving = {"save_strategy": "steps", "save_steps": settings.checkpoint_every, "save_total_limit": 1}
    return {
        "output_dir": str(work / "checkpoints"),
        "learning_rate": settings.learning_rate or rate * _rate(model.num_parameters()),
        "lr_scheduler_type": "constant_with_warmup" if settings.schedule == "constant" else settings.schedule,
        # Rounded down: the first update of a warm-up has no effect, which a short training cannot spare.
        "warmup_steps": int(settings.warmup * updates),
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.gradient_clip,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "use_cpu": not gpu,
        "bf16": settings.precision == "bf16" or (settings.precision == "auto" and gpu),
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": gpu,
        "logging_steps": 10 if settings.report == "none" else 1,
        "report_to": [] if settings.report == "none" else [settings.report],
        "run_name": work.name.removesuffix(".partial"),
        "project": "tutelage",
        "disable_tqdm": True,
        "seed": settings.seed,
        **saving,
    }


def longest_of(settings: TrainingSettings, model: "PreTrainedModel") -> int | None:
    """The most tokens that a row may have; `None`: as many as it likes."""
    context: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return settings.max_length or context


def prepare_environment(settings: UpdateSettings, logs: Path) -> None:
    """Set what the libraries read when they are imported: no network, no noise, one GPU, all cores.

    Args:
        settings: how to train.
        logs: where curves go that are to be shown.
    """
    os.environ.update(
        TENSORBOARD_LOGGING_DIR=str(logs),
        TRACKIO_DIR=str(logs),
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TRANSFORMERS_VERBOSITY="error",
        TOKENIZERS_PARALLELISM="true",
        OMP_NUM_THREADS=str(threads_of(settings)),
        CUDA_VISIBLE_DEVICES=os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],
    )


def threads_of(settings: UpdateSettings) -> int:
    """How many CPU threads to use."""
    return settings.threads or len(os.sched_getaffinity(0))


def _rate(parameters: int) -> float:
    return next((rate for below, rate in RATES if parameters < below), RATE)
