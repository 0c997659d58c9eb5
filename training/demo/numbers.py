"""The experiment's outcome as plain data: what the benchmark prints and `--json` shows."""

from typing import Any

from tutelage.training.demo.experiment import Outcome
from tutelage.training.evaluation import Evaluation

__all__ = ["numbers"]


def numbers(outcome: Outcome) -> dict[str, Any]:
    """Accuracy, interval and tokens of every method, and the paired test of the fine-tuning."""
    comparison = outcome.comparison
    return {
        "n": comparison.n,
        "methods": {name: evaluation_numbers(found) for name, found in outcome.methods.items()},
        "gain": comparison.difference,
        "gain_interval": list(comparison.interval),
        "mcnemar_p": comparison.p_value,
        "wrong_to_right": comparison.wrong_to_right,
        "right_to_wrong": comparison.right_to_wrong,
    }


def evaluation_numbers(found: Evaluation) -> dict[str, Any]:
    """One method."""
    return {
        "accuracy": found.accuracy,
        "interval": list(found.interval),
        "tokens": found.tokens_per_attempt,
        "families": {name: part.accuracy for name, part in found.families().items()},
    }
