"""A LoRA adapter on a loaded base, by PEFT, so that a trainer moves its weights only.

The trainers of TRL know such a model: where they compare with a reference, it is the policy before the training, held as
a second adapter. Not covered: adapters in engines (`tutelage.agents.adapter_directory`).
"""

from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.training.jobs.lora import LoraSettings

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

__all__ = ["NAME", "adapted"]

NAME = "default"
"""What PEFT calls the adapter that is trained."""


def adapted(model: "PreTrainedModel", settings: LoraSettings) -> "PeftModel":
    """Freeze a model and lay an adapter on it.

    Args:
        model: in float32; its layers are wrapped in place.
        settings: the adapter's. A new one is drawn from torch's generator; it adds nothing yet.

    Raises:
        UserError: the model has no such layers.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    if settings.start is not None:
        return PeftModel.from_pretrained(model, str(settings.start), adapter_name=NAME, is_trainable=True)
    _check_targets(model, settings)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.scale,
        lora_dropout=settings.dropout,
        target_modules=settings.targets if isinstance(settings.targets, str) else list(settings.targets),
        task_type="CAUSAL_LM",
    )
    found: Any = get_peft_model(model, config, adapter_name=NAME)
    return found  # type: ignore[no-any-return]


def _check_targets(model: Any, settings: LoraSettings) -> None:
    import torch

    output = model.get_output_embeddings()
    linear = [
        name
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear) and part is not output
    ]
    known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
    for target in () if isinstance(settings.targets, str) else settings.targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            raise UserError(f"adapter.targets: the base has no linear layer {target!r}; it has: {known}")
