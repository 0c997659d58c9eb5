"""Training a LoRA adapter over weights that stay as they are (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

Not covered: how it is laid on the base (`tutelage.training.objectives.lora`), and adapters that engines do not apply
(DoRA, ranks by layer, adapted embeddings).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from tutelage.types import Data

__all__ = ["LoraSettings"]


class LoraSettings(Data):
    """An adapter, in PEFT's words: `r`, `lora_alpha`, `lora_dropout`, `target_modules`."""

    rank: PositiveInt = 8
    """The rank of what is added to a layer."""
    alpha: PositiveInt | None = None
    """What is added is multiplied by alpha / rank; `None`: twice the rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a layer's inputs that the adapter does not see while it is trained; for `sft` and
    `soft_bootstrapping`, since the others compare the policy with itself."""
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """The layers by the ends of their names, such as `q_proj`; or all linear ones but the output layer."""
    start: Path | None = None
    """An adapter's directory to go on from, with its own rank, alpha and layers; `None`: a new one, which changes nothing
    before it is trained."""

    @field_validator("targets", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) and value != "all-linear" else value

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        own = {name: field.default for name, field in type(self).model_fields.items() if name != "start"}
        odd = [name for name, default in own.items() if getattr(self, name) != default]
        if self.start is not None and odd:
            raise ValueError(f"start={str(self.start)!r} has its own {odd[0]}; leave {odd[0]} out")
        if not self.targets:
            raise ValueError("targets is empty; name layers, or leave it out")
        return self

    @property
    def scale(self) -> int:
        """Alpha, whether it was given or not."""
        return 2 * self.rank if self.alpha is None else self.alpha
