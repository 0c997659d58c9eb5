"""TRL's preference trainers over rows that are token ids already.

TRL 1.16 tokenises text itself, by rendering the prompt with its answer, and drops what differs from the prompt alone;
here the ids come from the chat template as an engine reads it. Columns are the collators': `prompt_ids`, `chosen_ids`,
`rejected_ids`; `prompt_ids`, `completion_ids`, `KL_completion_ids`, `label`; `chosen_ids`, `rejected_ids`, `margin`; and
`length`, by which rows are put together. Not covered: images.
"""

from typing import Any

from transformers import Trainer
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_trainer import KTOTrainer
from trl.trainer.reward_trainer import RewardTrainer

__all__ = ["EncodedDPOTrainer", "EncodedKTOTrainer", "EncodedRewardTrainer"]


class EncodedRows(Trainer):
    """Takes a data set as it is, and keeps the column by which batches are grouped."""

    def _prepare_dataset(self, dataset: Any, *given: Any, **named: Any) -> Any:
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        known: Any = self._signature_columns
        if "length" not in known:
            known.append("length")


class EncodedDPOTrainer(EncodedRows, DPOTrainer):
    """Direct preference optimisation over ids."""


class EncodedKTOTrainer(EncodedRows, KTOTrainer):
    """Kahneman-Tversky optimisation over ids."""


class EncodedRewardTrainer(EncodedRows, RewardTrainer):
    """A reward model from ids."""
