"""What judges the agents' work, and where tasks come from: verifiers, families of tasks, files.

    from tutelage.tools import load_tasks, numeric
    numeric.score(load_tasks("tasks.jsonl")[0], "2+3=5\\nanswer: 5").passed

The verifiers `exact`, `numeric`, `math_answer`, `step_checker` and `family_answer` are ready to use; their
classes take settings. `RewardModel` and `StepRewardModel` are made of a trained directory. Importing this room
starts nothing and needs no package besides pydantic.
"""

from tutelage.tools.answers import final_answer, steps
from tutelage.tools.exact import Exact, exact
from tutelage.tools.families import FAMILIES, Family, Split, StepCheck, make_tasks
from tutelage.tools.family_verifiers import FamilyAnswer, StepChecker, family_answer, step_checker
from tutelage.tools.latex import MathAnswer, math_answer
from tutelage.tools.leaks import Leak, find_leak
from tutelage.tools.numeric import Numeric, numeric
from tutelage.tools.recorded_solutions import RecordedSolution, load_recorded_solutions
from tutelage.tools.reward_models import RewardModel, StepRewardModel
from tutelage.tools.task_files import load_tasks
from tutelage.tools.verifier import Verifier

__all__ = [
    "FAMILIES",
    "Exact",
    "Family",
    "FamilyAnswer",
    "Leak",
    "MathAnswer",
    "Numeric",
    "RecordedSolution",
    "RewardModel",
    "Split",
    "StepCheck",
    "StepChecker",
    "StepRewardModel",
    "Verifier",
    "exact",
    "family_answer",
    "final_answer",
    "find_leak",
    "load_recorded_solutions",
    "load_tasks",
    "make_tasks",
    "math_answer",
    "numeric",
    "step_checker",
    "steps",
]
