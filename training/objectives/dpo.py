"""`dpo`: chosen answers over rejected ones (TRL's DPOTrainer; Rafailov et al. 2023, https://arxiv.org/abs/2305.18290).

A row is messages, `prompt`, `chosen` and `rejected`. The reference is the base itself. Not covered: which pairs are
worth it (`tutelage.traces.export`), rows with tools, training without a reference.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tutelage.training.jobs.arguments import arguments_of
from tutelage.training.jobs.settings import Rate, TrainingSettings
from tutelage.training.objectives.loading import fitting, load_base, logged, prompts_and_completions
from tutelage.training.objectives.objective import Built, Objective, Site

__all__ = ["DPO", "DpoSettings"]

RATE = 0.05
"""The learning rate, of that of supervised training."""
SMOOTHED = ("robust", "exo_pair", "aot", "aot_unpaired")
"""The losses that read `label_smoothing`."""
TOLD = ("rewards/accuracies", "rewards/margins")


class DpoSettings(TrainingSettings):
    """The options of `dpo`; a row of the batch is a pair. The peak learning rate is a twentieth of that of `sft`."""

    beta: Rate = 0.1
    """How dear it is to leave the base."""
    loss_type: Literal[
        "sigmoid",
        "sigmoid_norm",
        "hinge",
        "ipo",
        "robust",
        "exo_pair",
        "nca_pair",
        "bco_pair",
        "sppo_hard",
        "aot",
        "aot_unpaired",
        "apo_zero",
        "apo_down",
        "discopop",
    ] = "sigmoid"
    """TRL's name of the loss; "sigmoid" is DPO's own."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """The share of pairs that are the wrong way round; only for "robust", "exo_pair", "aot" and "aot_unpaired"."""
    precompute_ref_log_probs: bool = False
    """Ask the base once, before the training, instead of holding it in memory beside the policy."""

    @model_validator(mode="after")
    def _smoothing_is_read(self) -> Self:
        if self.label_smoothing and self.loss_type not in SMOOTHED:
            raise ValueError(
                f"label_smoothing is not read by loss_type={self.loss_type!r}; "
                f"leave it at 0, or take a loss_type of {', '.join(SMOOTHED)}"
            )
        if self.loss_type == "exo_pair" and not self.label_smoothing:
            raise ValueError("loss_type='exo_pair' needs a label_smoothing above 0, such as 1e-3")
        return self


def build(site: Site) -> Built:
    """Load the base, encode the pairs, make the trainer."""
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl.trainer.dpo_config import DPOConfig

    from tutelage.training.trainers.encoded_rows import EncodedDPOTrainer

    settings: DpoSettings = site.settings
    model = load_base(site)
    pairs = [
        {
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
            "length": len(prompt) + max(len(chosen), len(rejected)),
        }
        for prompt, (chosen, rejected) in prompts_and_completions(site, model, "chosen", "rejected")
    ]
    fit = fitting(pairs, site, model)
    trainer: Any = EncodedDPOTrainer(
        model=model,
        args=DPOConfig(
            **arguments_of(site.work, settings, model, len(fit.rows), RATE),
            beta=settings.beta,
            loss_type=[settings.loss_type],
            label_smoothing=settings.label_smoothing,
            precompute_ref_log_probs=settings.precompute_ref_log_probs,
            max_length=None,
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=Dataset.from_list(fit.rows),
        processing_class=site.tokenizer,
    )
    return Built(trainer, fit.counts, lambda: logged(trainer, *TOLD))


DPO = Objective(
    name="dpo",
    about="direct preference optimisation: chosen answers over rejected ones",
    settings=DpoSettings,
    columns=(("prompt", "chosen", "rejected"),),
    build=build,
    export="dpo",
)
