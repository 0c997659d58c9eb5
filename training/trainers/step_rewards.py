"""`StepRewardTrainer`: transformers' Trainer for a head that says of every step whether it is right.

TRL 1.16 has no trainer of process reward models. A token's label is the probability that the step it ends is right, 0
or 1 or between, and -100 where no step ends; the loss is the mean cross-entropy over the steps of an update, however
they are spread over batches. Not covered: losses that compare steps with each other.
"""

from typing import Any

import torch
from torch.nn.functional import log_softmax
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer

from tutelage.training.completion_mask import IGNORED

__all__ = ["StepCollator", "StepRewardTrainer"]


class StepCollator:
    """Pads rows of `input_ids` and `labels` on the right.

    Args:
        padding: the id to pad with.
    """

    def __init__(self, padding: int) -> None:
        """See the class."""
        self.padding = padding

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Give a batch, of shape (rows, tokens)."""
        ids = [torch.tensor(row["input_ids"]) for row in rows]
        labels = [torch.tensor(row["labels"], dtype=torch.float32) for row in rows]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self.padding),
            "attention_mask": pad_sequence([torch.ones_like(each) for each in ids], batch_first=True),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        }


class StepRewardTrainer(Trainer):
    """Cross-entropy at the ends of steps."""

    right: int = 0
    """Steps that were judged as they are, since the last log."""
    seen: int = 0

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Give the loss of a batch.

        Args:
            model: with two labels a token, wrong and right.
            inputs: `input_ids`, `attention_mask` and `labels`, of shape (rows, tokens).
            return_outputs: give the model's outputs, too.
            num_items_in_batch: steps in all batches of this update; `None`: in this one.
        """
        labels = inputs["labels"]
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        ends = labels != IGNORED
        wanted, said = labels[ends], log_softmax(outputs.logits[ends].float(), dim=-1)
        each = -(wanted * said[:, 1] + (1 - wanted) * said[:, 0])
        count = ends.sum() if num_items_in_batch is None else num_items_in_batch
        loss = each.sum() / torch.as_tensor(count, device=each.device).clamp(min=1)
        self.right += int(((said[:, 1] > said[:, 0]) == (wanted > 0.5)).sum())
        self.seen += wanted.numel()
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *given: Any, **named: Any) -> None:
        """Tell the share of steps that were judged right, too."""
        if self.seen:
            logs["accuracy"] = self.right / self.seen
            self.right = self.seen = 0
        super().log(logs, *given, **named)
