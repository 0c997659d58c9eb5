"""The objectives: each has its settings, the rows that it reads, and a trainer.

`OBJECTIVES` has them by name; nothing here imports torch until a trainer is built.
"""

from collections.abc import Mapping

from tutelage.errors import UserError
from tutelage.nearest import known_names
from tutelage.training.objectives.distillation import DISTILLATION, DistillationSettings
from tutelage.training.objectives.dpo import DPO, DpoSettings
from tutelage.training.objectives.grpo import GRPO
from tutelage.training.objectives.kto import KTO, KtoSettings
from tutelage.training.objectives.objective import Objective
from tutelage.training.objectives.prm import PRM, PrmSettings
from tutelage.training.objectives.reward import REWARD, RewardSettings
from tutelage.training.objectives.sdft import SDFT, SdftSettings
from tutelage.training.objectives.sdpo import SDPO, SdpoSettings
from tutelage.training.objectives.sft import SFT, SftSettings
from tutelage.training.objectives.soft_bootstrapping import SOFT_BOOTSTRAPPING, SoftBootstrappingSettings

__all__ = [
    "OBJECTIVES",
    "DistillationSettings",
    "DpoSettings",
    "KtoSettings",
    "Objective",
    "PrmSettings",
    "RewardSettings",
    "SdftSettings",
    "SdpoSettings",
    "SftSettings",
    "SoftBootstrappingSettings",
    "objective_named",
]

OBJECTIVES: Mapping[str, Objective] = {
    each.name: each
    for each in (SFT, DPO, KTO, REWARD, PRM, SOFT_BOOTSTRAPPING, DISTILLATION, SDFT, SDPO, GRPO)
}


def objective_named(name: str) -> Objective:
    """Give an objective.

    Raises:
        UserError: there is none of that name.
    """
    if name not in OBJECTIVES:
        raise UserError(f"there is no objective {name!r}; {known_names(name, OBJECTIVES)}")
    return OBJECTIVES[name]
