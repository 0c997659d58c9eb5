"""The progress bar of a training on stderr: updates, time left, loss and tokens a second.

Without a terminal it is one line at the end. Not covered: logging to trackers (TRL's `report_to` does that). This
module imports transformers.
"""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

__all__ = ["Progress"]


class Progress(TrainerCallback):
    """One bar for a whole training."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Show nothing if `quiet`."""
        self.bars = Bars(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            disable=quiet,
        )
        self.bar = self.bars.add_task("", total=None)
        self.started = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the bar where a resumed training goes on."""
        self.started = time.monotonic()
        self.bars.update(self.bar, total=state.max_steps, completed=state.global_step)
        self.bars.start()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Move it."""
        self.bars.update(self.bar, completed=state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell loss and speed."""
        if logs and "loss" in logs:
            told = f"loss {float(logs['loss']):.3f}"
            if "num_tokens" in logs:
                speed = float(logs["num_tokens"]) / max(1e-9, time.monotonic() - self.started)
                told += f", {speed:,.0f} tokens/s"
            self.bars.update(self.bar, description=told)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close it."""
        self.bars.stop()
