"""What all consumers share: the model, the settings of one step, and what came of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.trainer_callback import PrinterCallback

from tutelage.agents import embedded_directory
from tutelage.tools import family_answer
from tutelage.traces import Run
from tutelage.types import Task

__all__ = ["LINEAGE", "Bench", "Consumed", "Consumer", "Row", "lineage", "of", "one_step"]

LINEAGE = (
    "row_id",
    "run_id",
    "task_id",
    "rollout_id",
    "turn_id",
    "role",
    "node",
    "policy",
    "scores",
    "context",
)
"""The columns by which a row leads back to the turn it came from."""
RELATIVE, ABSOLUTE = 1e-4, 1e-6
"""How far a trainer's loss in float32 may be from ours in float64."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Consumed:
    """One step of one trainer on one export."""

    trainer: str
    rows: int
    loss: float
    """What the trainer reports."""
    independent: float
    """The same loss, computed a second time by us."""
    updated: bool
    """Whether the step changed the weights, to finite numbers."""
    lineage: bool
    """Whether the rows' lineage came through the trainer unharmed."""
    agrees: bool = True
    """Whether what else the trainer computes from the rows is what they hold."""

    @property
    def matches(self) -> bool:
        """Whether the two losses are the same within float tolerance."""
        near = abs(self.loss - self.independent) <= RELATIVE * abs(self.independent) + ABSOLUTE
        return near and self.agrees

    def numbers(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "rows": self.rows,
            "trainer": self.trainer,
            "loss": self.loss,
            "independent": self.independent,
            "loss_matches": self.matches,
            "updated": self.updated,
            "lineage_survives": self.lineage,
        }


class Bench:
    """The model of all consumers, and where they may write.

    Args:
        directory: the model's.
        folder: for the trainers' files.
        tasks: the run's tasks by id, which reward functions look up by a row's lineage.
    """

    def __init__(self, directory: Path, folder: Path, tasks: Mapping[str, Task]) -> None:
        """See the class."""
        self.directory = directory
        self.folder = folder
        self.tasks = tasks
        self.tokenizer: Any = AutoTokenizer.from_pretrained(str(directory))

    def policy(self, noise: float = 0.0, kind: Any = AutoModelForCausalLM, **more: Any) -> Any:
        """The model in float32, its weights times `1 + noise` (normal, seeded), so that it differs from the sampler."""
        torch.manual_seed(0)
        model = kind.from_pretrained(str(self.directory), dtype=torch.float32, **more)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weights in model.parameters() if noise else ():
                weights.mul_(1 + noise * torch.randn(weights.shape, generator=generator))
        return model.eval()

    def reward(self, task_id: str, text: str) -> float:
        """1 for a right solution of a task, else 0."""
        return float(bool(family_answer.score(self.tasks[task_id], text).passed))

    def settings(self, rows: Sequence[Any], **more: Any) -> dict[str, Any]:
        """The arguments of a training of one step over all rows at once, in float32 on the CPU."""
        return {
            "output_dir": str(self.folder),
            "per_device_train_batch_size": len(rows),
            "max_steps": 1,
            "learning_rate": 1e-3,
            "lr_scheduler_type": "constant",
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "save_strategy": "no",
            "logging_steps": 1,
            "report_to": [],
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            "seed": 0,
            **more,
        }


Consumer = Callable[[Any, Bench], Consumed]
"""Takes an export as a `datasets.Dataset`."""


def one_step(trainer: Any) -> tuple[float, bool]:
    """Train, and give the loss and whether the weights have moved."""
    trainer.remove_callback(PrinterCallback)
    before = [weights.detach().clone() for weights in trainer.model.parameters()]
    loss = float(trainer.train().training_loss)
    after = [weights.detach() for weights in trainer.model.parameters()]
    moved = any(not torch.equal(*pair) for pair in zip(before, after, strict=True))
    return loss, moved and all(bool(weights.isfinite().all()) for weights in after)


def lineage(rows: Iterable[Row], seen: Any) -> bool:
    """Whether a trainer's rows carry the lineage of the rows it was given: every column, unchanged, for every row."""
    known = {row["row_id"]: row for row in rows}
    found: list[Row] = list(seen)
    return {row.get("row_id") for row in found} == known.keys() and all(
        row.get(name) == known[row["row_id"]][name] for row in found for name in LINEAGE
    )


def of(run: Run, folder: Path) -> Bench:
    """The embedded model, and a run's tasks."""
    return Bench(embedded_directory(), folder, {rollout.task.id: rollout.task for rollout in run.rollouts()})
