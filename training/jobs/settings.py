"""What every training may be told; an objective's own settings are a subclass.

Names are TRL's where TRL has one. Not covered: what a rollout is told.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from tutelage.training.jobs.lora import LoraSettings
from tutelage.types import Data

__all__ = ["SEEDS", "Rate", "Share", "TrainingSettings", "UpdateSettings"]

SEEDS = 2**32
"""How many there are, for NumPy."""
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class UpdateSettings(Data):
    """The options that all objectives share: how weights are updated."""

    model_config = ConfigDict(allow_inf_nan=False)

    adapter: LoraSettings | None = None
    """Train a LoRA adapter over the base, which stays as it is; `None`: the base's own weights."""
    learning_rate: Rate | None = None
    """The peak; `None`: by size, 4e-4 under 10 million parameters, 2e-4 under a billion, else 2e-5; ten times as much for
    an adapter."""
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    warmup: Share = 0.05
    """Share of the updates in which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    device: Literal["auto", "cpu"] = "auto"
    """`auto`: the first visible GPU, else the CPU."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the arithmetic; `auto`: bf16 autocast on a GPU, fp32 on a CPU. The weights are trained in fp32."""
    gradient_checkpointing: bool = False
    """Less memory for a third more time."""
    checkpoint_every: Annotated[int, Field(gt=0)] | None = None
    """Updates between checkpoints, from which a killed training goes on; `None`: none."""
    threads: Annotated[int, Field(gt=0)] | None = None
    """CPU threads; `None`: one a core that the process may use."""
    seed: Annotated[int, Field(ge=0, lt=SEEDS)] = 0
    report: Literal["none", "tensorboard", "trackio"] = "none"
    """Where the training's curves are shown while it runs; they are kept in `OUT-logs`."""


class TrainingSettings(UpdateSettings):
    """The options of objectives that pass over rows."""

    epochs: Annotated[float, Field(gt=0)] = 2.0
    batch_size: Annotated[int, Field(gt=0)] = 64
    """Rows a device and step."""
    gradient_accumulation: Annotated[int, Field(gt=0)] = 1
    """Steps a weight update."""
    max_length: Annotated[int, Field(gt=0)] | None = None
    """Longer rows (in tokens) are left out, not cut; `None`: the model's context."""
