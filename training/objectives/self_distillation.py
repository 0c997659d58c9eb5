"""What `sdft` and `sdpo` share: the same weights, told more, are the teacher of the student's own samples.

Not covered: what the teacher is told, which is each objective's own.
"""

import os
from typing import Annotated, Any, Literal

from pydantic import Field

from tutelage.errors import UserError
from tutelage.training.objectives.objective import Site
from tutelage.training.objectives.on_policy import OnPolicySettings

__all__ = ["SelfDistillationSettings", "asked", "check_settings", "silence", "teacher_arguments"]


class SelfDistillationSettings(OnPolicySettings):
    """The options of both."""

    samples: Annotated[int, Field(gt=0)] = 1
    """Completions of each row."""
    teacher: Literal["base", "ema", "live"] = "base"
    """Whose weights the teacher has: the base's, a moving average of the student's, or the student's own."""
    teacher_update_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The student's part in the moving average at each update."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The divergence: 0 is KL(teacher | student), 1 is KL(student | teacher), between them Jensen and Shannon's."""
    top_k: Annotated[int, Field(gt=0)] | None = 100
    """How many of the student's likeliest tokens are compared."""
    add_tail: bool = False
    """Compare all other tokens as one; else the `top_k` alone, both sides normalised again."""


def check_settings(settings: SelfDistillationSettings) -> None:
    """Refuse what a resumed training could not keep.

    Raises:
        UserError: a moving teacher, and checkpoints, which do not hold it.
    """
    if settings.teacher == "ema" and settings.checkpoint_every is not None:
        raise UserError(
            "a checkpoint does not hold the teacher='ema', whose weights move: give teacher='base', or no "
            "checkpoint_every"
        )


def silence() -> None:
    """Let TRL not say that its experimental trainers are experimental; before they are imported."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")


def asked(site: Site) -> list[str]:
    """Give the last message of each row's prompt.

    Raises:
        UserError: it is not a text of the user's, to which a teacher could be told more.
    """
    found = []
    for number, row in enumerate(site.rows, 1):
        last = row["prompt"][-1]
        if last.get("role") != "user" or not isinstance(last.get("content"), str):
            raise UserError(
                f"row {number}: its prompt ends with a message of {last.get('role')!r}; "
                "it must end with a text of the role 'user'"
            )
        found.append(last["content"])
    return found


def teacher_arguments(settings: SelfDistillationSettings, vocabulary: int) -> dict[str, Any]:
    """Give the arguments that TRL's self-distillation trainers share."""
    return {
        "num_generations": settings.samples,
        "max_prompt_length": None,
        "teacher_model_kind": settings.teacher,
        "teacher_update_rate": settings.teacher_update_rate,
        "distillation_alpha": settings.alpha,
        "distillation_topk": None if settings.top_k is None else min(settings.top_k, vocabulary),
        "distillation_add_tail": settings.add_tail,
    }
