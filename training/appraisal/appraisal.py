"""An appraisal: a claim with everything that it is measured against.

Every arm was measured on the claim's own tasks and is paired with it. Not covered: measuring (`appraise`), files
(`write_appraisal`), the page.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from pydantic import ConfigDict

from tutelage.training.appraisal.arms import Arm
from tutelage.training.appraisal.critique import Critique
from tutelage.training.appraisal.forgetting import Forgetting
from tutelage.training.appraisal.origin import Origin
from tutelage.training.appraisal.rows import (
    Row,
    arm_rows,
    critique_rows,
    flow_rows,
    forgetting_rows,
    parts_rows,
)
from tutelage.training.comparison import Comparison
from tutelage.training.evaluation import Evaluation
from tutelage.types import Data

__all__ = ["Appraisal"]


class Appraisal(Data):
    """A claim, its baselines and controls, and what else a sceptic asks."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    subject: Evaluation
    """What is claimed."""
    arms: tuple[Arm, ...] = ()
    """What it is measured against."""
    critique: Critique | None = None
    forgetting: Forgetting | None = None
    origin: Origin | None = None
    """Where the subject's weights come from, if it is a trained policy."""
    notes: Mapping[str, str] = {}
    """How it was measured, term by term."""

    def with_arms(self, arms: Iterable[Arm]) -> "Appraisal":
        """The same with further arms, such as controls that were measured elsewhere.

        Raises:
            UserError: an arm was not measured on the same tasks by the same verifier.
        """
        more = tuple(arms)
        for arm in more:
            Comparison.of(arm.evaluation, self.subject)
        return self.model_copy(update={"arms": (*self.arms, *more)})

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The claim minus each arm, in the order of the arms."""
        return tuple(Comparison.of(arm.evaluation, self.subject) for arm in self.arms)

    @cached_property
    def strongest(self) -> int | None:
        """Which arm is right most often; `None` without arms."""
        return max(range(len(self.arms)), key=lambda at: self.comparisons[at].before.accuracy, default=None)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every figure, in the order of the table."""
        return (
            *arm_rows(self.subject, self.arms, self.comparisons),
            *parts_rows(self.subject, self.comparisons),
            *flow_rows(self.subject),
            *critique_rows(self.critique),
            *forgetting_rows(self.forgetting),
        )

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Controls that the claim would need and that are not among the arms."""
        kinds = {arm.kind for arm in self.arms}
        origin = self.origin or Origin()
        found = []
        if origin.objective == "grpo" and "entropy only" not in kinds:
            found.append(
                "trained by reinforcement, and no entropy-only control is shown: part of the gain may be sharpening"
            )
        if origin.curriculum not in (None, "uniform") and "no curriculum" not in kinds:
            found.append(f"trained with the curriculum {origin.curriculum!r}, and no arm without it is shown")
        if self.subject.flow is not None and not any(arm.kind == "baseline" for arm in self.arms):
            found.append("a loop, and no baseline at the same tokens is shown")
        if origin.objective is not None and "before" not in kinds:
            found.append("trained, and the weights before are not shown")
        return tuple(found)

    def __str__(self) -> str:
        """A table for people, in Markdown."""
        from tutelage.training.tables import appraisal_table

        return appraisal_table(self)
