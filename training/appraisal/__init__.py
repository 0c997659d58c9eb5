"""Appraisal: a claim beside its baselines at equal tokens, its controls, its critique's ceiling, and what it forgot."""

from tutelage.training.appraisal.appraisal import Appraisal
from tutelage.training.appraisal.appraising import appraise
from tutelage.training.appraisal.arms import Arm
from tutelage.training.appraisal.critique import Critique
from tutelage.training.appraisal.forgetting import Forgetting
from tutelage.training.appraisal.storing import read_appraisal, write_appraisal

__all__ = ["Appraisal", "Arm", "Critique", "Forgetting", "appraise", "read_appraisal", "write_appraisal"]
