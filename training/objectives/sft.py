"""`sft`: the likelihood of chosen completions (TRL's SFTTrainer), with masks and weights.

A row is messages, `prompt` and `completion`, of which exactly the completion and its end token carry loss; or recorded
tokens, `input_ids` and `labels`, which are trained as they are. `weight`, one number a row or one a token, scales its
loss; the sum is divided by the number of tokens with loss, so weights of 1 are the plain loss. Not covered: which
rows are worth it (`tutelage.training.selection`, `tutelage.traces.export`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.training.completion_mask import IGNORED, encode, end_token
from tutelage.training.jobs.arguments import arguments_of
from tutelage.training.jobs.settings import TrainingSettings
from tutelage.training.objectives.loading import check_messages, fitting, load_base
from tutelage.training.objectives.objective import Built, Objective, Site

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["SFT", "SftSettings"]


class SftSettings(TrainingSettings):
    """The options of `sft`."""


def build(site: Site) -> Built:
    """Load the base, encode the rows, make the trainer."""
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

    from tutelage.training.trainers.weighted_sft import WeightedCollator, WeightedSFTTrainer

    model = load_base(site)
    fit = fitting(_encoded(site, model), site, model)
    weighted = any("weight" in row for row in site.rows)
    kind, collator = (
        (WeightedSFTTrainer, WeightedCollator) if weighted else (SFTTrainer, DataCollatorForLanguageModeling)
    )
    trainer = kind(
        model=model,
        args=SFTConfig(
            **arguments_of(site.work, site.settings, model, len(fit.rows)),
            dataset_kwargs={"skip_prepare_dataset": True},
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=Dataset.from_list(fit.rows),
        processing_class=site.tokenizer,
        data_collator=collator(site.tokenizer.pad_token_id),
    )
    learnt = sum(label != IGNORED for row in fit.rows for label in row["labels"])
    return Built(trainer, {**fit.counts, "learnt_tokens": learnt})


def _encoded(site: Site, model: "PreTrainedModel") -> list[dict[str, Any]]:
    recorded = [row for row in site.rows if "input_ids" in row]
    if recorded and len(recorded) < len(site.rows):
        raise UserError(
            "some rows have input_ids and some have not; train on texts or on tokens, not on both"
        )
    if recorded:
        known = int(model.config.get_text_config().vocab_size)
        rows = [_as_recorded(number, row, known) for number, row in enumerate(recorded, 1)]
    else:
        check_messages(site.rows, "prompt", "completion")
        rows = encode(site.rows, site.tokenizer, end_token(site.tokenizer, model.generation_config))
    for number, (row, given) in enumerate(zip(rows, site.rows, strict=True), 1):
        row["weights"] = _weights(number, given.get("weight"), row["length"])
    return rows


def _as_recorded(number: int, row: Mapping[str, Any], known: int) -> dict[str, Any]:
    ids, labels = list(row["input_ids"]), list(row["labels"])
    if not ids or not all(isinstance(each, int) and 0 <= each < known for each in ids):
        raise UserError(
            f"row {number}: input_ids must be token ids of the base, whole numbers from 0 to {known - 1}"
        )
    if len(ids) != len(labels) or any(
        label not in (IGNORED, own) for own, label in zip(ids, labels, strict=True)
    ):
        raise UserError(f"row {number}: labels must be the input_ids, or {IGNORED} where nothing is learnt")
    return {"input_ids": ids, "labels": labels, "length": len(ids)}


def _weights(number: int, given: float | Sequence[float] | None, length: int) -> list[float]:
    if given is None or isinstance(given, int | float):
        return [1.0 if given is None else float(given)] * length
    if len(given) != length:
        raise UserError(
            f"row {number} has {len(given)} weights and {length} tokens; give one a row or one a token"
        )
    return [float(each) for each in given]


SFT = Objective(
    name="sft",
    about="supervised fine-tuning: the likelihood of chosen completions",
    settings=SftSettings,
    columns=(("prompt", "completion"), ("input_ids", "labels")),
    build=build,
    export="sft",
    drops=True,
)
