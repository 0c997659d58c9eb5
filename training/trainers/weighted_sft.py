"""`WeightedSFTTrainer`: TRL's SFTTrainer whose tokens have weights.

The loss is the sum of weight times negative log-likelihood over the tokens with loss, divided by their number; with
weights of 1 it is TRL's. Not covered: TRL's other loss types (`dft`), packing, padding-free batches.
"""

from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

from tutelage.training.completion_mask import IGNORED

__all__ = ["WeightedCollator", "WeightedSFTTrainer"]


class WeightedCollator(DataCollatorForLanguageModeling):
    """TRL's collator, which pads `weights`, too."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Give a batch; `weights` has the shape of `input_ids`, 0 where it is padded."""
        batch = super().torch_call(examples)
        weights = [torch.tensor(each["weights"], dtype=torch.float32) for each in examples]
        batch["weights"] = pad_sequence(weights, batch_first=True)
        return batch


class WeightedSFTTrainer(SFTTrainer):
    """Supervised fine-tuning with a weight a token."""

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()  # type: ignore[no-untyped-call]
        known: Any = self._signature_columns
        if "weights" not in known:
            known.append("weights")

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Give the weighted loss of a batch.

        Args:
            model: the model.
            inputs: `input_ids`, `attention_mask`, `labels` and `weights`, of shape (rows, tokens).
            return_outputs: give the model's outputs, too.
            num_items_in_batch: tokens with loss in all batches of this update; `None`: in this one.
        """
        labels, weights = inputs["labels"][:, 1:], inputs["weights"][:, 1:]
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        logits = outputs.logits[:, :-1].float()
        each = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none")
        count = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        loss = (each * weights.flatten()).sum() / torch.as_tensor(count).clamp(min=1)
        return (loss, outputs) if return_outputs else loss
