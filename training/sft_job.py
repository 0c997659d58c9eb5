"""What a fine-tuning is told: its settings, and the job that travels to the child process.

Plain data, so that the child needs nothing else. Not covered: what is done with it
(`tutelage.training.sft`).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from tutelage.types import Data

__all__ = ["SftJob", "SftSettings"]

Share = Annotated[float, Field(ge=0, lt=1)]


class SftSettings(Data):
    """How to train; names are TRL's where TRL has one."""

    epochs: Annotated[float, Field(gt=0)] = 2.0
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """The peak; `None`: by size, 4e-4 under 10 million parameters, 2e-4 under a billion, else 2e-5."""
    batch_size: Annotated[int, Field(gt=0)] = 64
    """Rows a device and step."""
    gradient_accumulation: Annotated[int, Field(gt=0)] = 1
    """Steps a weight update."""
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    warmup: Share = 0.05
    """Share of the updates in which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    max_length: Annotated[int, Field(gt=0)] | None = None
    """Longer rows (in tokens) are left out, not cut; `None`: the model's context."""
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
    seed: int = 0


class SftJob(Data):
    """What a worker is told; it lies in a directory with `rows.jsonl`."""

    base: str
    """The policy directory to start from."""
    base_policy: str
    """The content hash of its weights."""
    out: str
    """Where the trained policy directory goes."""
    settings: SftSettings
    lineage: Mapping[str, JsonValue]
    """Goes into the trained directory's `policy.json`."""
    digest: str
    """What makes two jobs the same: everything but `out`, and the rows."""
