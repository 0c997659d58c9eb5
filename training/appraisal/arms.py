"""Arms: what a claim is measured against, and what each kind of arm shows. Not covered: measuring them."""

from typing import Literal

from tutelage.training.evaluation import Evaluation
from tutelage.types import Data

__all__ = ["ARM_KINDS", "Arm", "ArmKind"]

ArmKind = Literal["baseline", "before", "no curriculum", "entropy only", "control"]

ARM_KINDS: dict[ArmKind, str] = {
    "baseline": "what the same model does without the method",
    "before": "the weights before the training",
    "no curriculum": "the same training on tasks drawn with equal chance: what the curriculum adds",
    "entropy only": "the same training by a reward that knows no truth and only sharpens: what the reward adds",
    "control": "the same with the one thing left out that is claimed to help",
}
"""What the difference to an arm of a kind shows."""


class Arm(Data):
    """One evaluation beside the claim."""

    kind: ArmKind
    evaluation: Evaluation
    note: str = ""
    """How it was made, for people."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.evaluation.name
