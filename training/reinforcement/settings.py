"""What reinforcement learning through a graph may be told. Names are TRL's where TRL has one."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from tutelage.traces.export.advantages import Baseline, Scale
from tutelage.training.jobs.settings import UpdateSettings

__all__ = ["GrpoSettings", "LossType"]

LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]
"""How the tokens' losses are clipped and averaged, as TRL names it."""
AboveZero = Annotated[float, Field(gt=0)]


class GrpoSettings(UpdateSettings):
    """The options of `grpo` and its variants."""

    steps: PositiveInt = 50
    """How often to roll out and learn from it."""
    tasks: PositiveInt = 16
    """Tasks a step."""
    samples: Annotated[int, Field(ge=2)] = 8
    """Rollouts of each task, which are compared with one another."""
    draws: PositiveInt = 1
    """How often tasks are drawn for a step, until `tasks` of them have rollouts of different rewards (DAPO's dynamic
    sampling)."""
    roles: tuple[str, ...] | None = None
    """Roles that are trained; the others speak and stay as they are. `None`: all that the policy speaks."""
    group_by: Literal["role", "turn", "task"] = "role"
    """Compare a task's turns of a role; only those that are the role's first, second, ... of a rollout; or all."""
    context: Literal["recorded", "root", "task"] = "recorded"
    """Train answers on the prompt that they were sampled with, or on that of their branch's first turn (what was sampled
    with a teacher's help is then learnt without it), or on the bare problem."""
    baseline: Baseline = "mean"
    """Compare with the group's mean (GRPO), or with the mean of the others (RLOO)."""
    scale: Scale = "group"
    """Divide advantages by the group's deviation, or not (Dr. GRPO)."""
    loss: LossType = "dapo"
    epsilon: AboveZero = 0.2
    epsilon_high: AboveZero | None = None
    """The clip above 1; `None`: as below. Of `cispo` the greatest ratio itself; `None`: 5."""
    beta: Annotated[float, Field(ge=0)] = 0.0
    """The weight of the divergence from the first weights."""
    ratio: Literal["token", "sequence"] = "token"
    """Importance ratios a token, or a row (GSPO)."""
    entropy: Annotated[float, Field(ge=0)] = 0.0
    """The weight of an entropy bonus."""
    updates: PositiveInt = 1
    """Into how many updates the rows of a step are split."""
    iterations: PositiveInt = 1
    """How often the rows of a step are learnt from."""
    importance_cap: AboveZero | None = 2.0
    """Weigh tokens by the ratio of the trainer's to the sampler's probability, cut here; `None`: do not."""
    completion_length: PositiveInt = 512
    """What `dr_grpo` divides by."""
    batch_tokens: PositiveInt = 16_384
    """Tokens of one forward pass, padding included; what a step has more is accumulated."""
    checkpoint_every: Annotated[int, Field(gt=0)] | None = 10
    """Steps between checkpoints, from which a killed training goes on."""
    schedule: Literal["constant", "cosine", "linear"] = "constant"
