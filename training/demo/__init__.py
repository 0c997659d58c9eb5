"""The whole loop on the embedded model: the demonstration and the experiment behind it."""

from tutelage.training.demo.demonstration import run_demo
from tutelage.training.demo.experiment import Experiment, LoopSettings, Outcome

__all__ = ["Experiment", "LoopSettings", "Outcome", "run_demo"]
