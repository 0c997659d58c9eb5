"""Our verifiers as the scorers of other harnesses: of a line of a task file (`tutelage.harnesses.task_files`).

Not covered: what the harness makes of the verdicts.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.tools.naming import verifier_named
from tutelage.types import Score, Task

__all__ = ["answer_in", "lm_eval_results", "verdict"]


def verdict(row: Mapping[str, Any], solution: str) -> Score:
    """Judge an answer.

    Args:
        row: a line of a task file.
        solution: what the model said.

    Raises:
        UserError: the verifier is unknown, or does not decide whether an answer is right.
    """
    score = _verifier(row["tutelage_verifier"]).score(
        Task.model_validate_json(row["tutelage_task"]), solution
    )
    if score.passed is None:
        raise UserError(f"verifier {score.name!r} does not say whether an answer is right; give another")
    return score


def lm_eval_results(row: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """lm-eval's `process_results`: the metric `acc` of an answer."""
    return {"acc": float(verdict(row, results[0]).passed is True)}


def answer_in(row: Mapping[str, Any], solution: str) -> str | None:
    """What the line's verifier reads as the answer."""
    return _verifier(row["tutelage_verifier"]).answer(solution)


@cache
def _verifier(name: str) -> Verifier:
    return verifier_named(name, ())
