"""What `evaluate` and `compare` judge: a recorded run, a stored evaluation, or a model on tasks."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.cli.models import model_of
from tutelage.errors import UserError
from tutelage.tools.naming import verifier_named
from tutelage.types import Sampling, Task

if TYPE_CHECKING:
    from tutelage.training import Comparison, Evaluation

__all__ = ["Judging", "comparison_numbers", "engine_for", "evaluation_numbers", "stored_evaluation"]


@dataclass(frozen=True, slots=True)
class Judging:
    """How subjects are judged."""

    tasks: Sequence[Task] | None
    """What models solve; of runs these tasks only. `None`: all that a run has."""
    verifier: str | None
    samples: int
    concurrency: int
    progress: bool
    settings: tuple[str, ...]
    sampling: Sampling | None

    def of(self, subject: str) -> "Evaluation":
        """Evaluate a directory with a run or a stored evaluation, or a model.

        Raises:
            UserError: a model without tasks, or a run without any of the tasks.
        """
        path = Path(subject)
        if path.is_dir() and not (path / "config.json").is_file():
            return self._recorded(path)
        from tutelage.training import evaluate

        if self.tasks is None:
            raise UserError(f"{subject!r} is no run's directory, and a model needs TASKS to solve")
        spec = engine_for(path) if path.is_dir() else subject
        judge = verifier_named(self.verifier, self.tasks)
        with model_of(spec, self.settings, self.sampling) as model:
            return evaluate(
                model,
                self.tasks,
                verifier=judge,
                samples=self.samples,
                concurrency=self.concurrency,
                progress=self.progress,
                name=subject,
            )

    def _recorded(self, directory: Path) -> "Evaluation":
        evaluation = stored_evaluation(directory, self.verifier)
        if self.tasks is None:
            return evaluation
        kept = evaluation.only(task.id for task in self.tasks)
        if not kept.attempts:
            raise UserError(f"run {str(directory)!r} has none of the tasks asked for")
        return kept


def stored_evaluation(directory: Path, verifier: str | None) -> "Evaluation":
    """The evaluation that a directory holds: what `tutelage evaluate --out` wrote, or a recorded run.

    Raises:
        UserError: what it holds cannot be read as either; `StoreError` where there is no run.
    """
    from tutelage.traces import Run
    from tutelage.training import Evaluation, read_appraisal

    if (directory / "evaluation.json").is_file():
        found = read_appraisal(directory).subject
        if verifier not in (None, found.verifier):
            raise UserError(
                f"{str(directory)!r} was judged by {found.verifier!r}, not by {verifier!r}; evaluate anew"
            )
        return found
    with Run.open(directory) as run:
        return Evaluation.of(run, verifier=verifier)


def engine_for(directory: Path) -> str:
    """The MODEL for a model's directory: on vLLM where that is installed (Linux), else on transformers."""
    vllm = sys.platform == "linux" and find_spec("vllm") is not None
    return f"{'vllm' if vllm else 'transformers'}:{directory}"


def evaluation_numbers(evaluation: "Evaluation") -> dict[str, Any]:
    """An evaluation as plain data, without its single attempts."""
    return {
        "name": evaluation.name,
        "verifier": evaluation.verifier,
        "tasks": evaluation.n,
        "samples": evaluation.samples,
        "accuracy": evaluation.accuracy,
        "interval": list(evaluation.interval),
        "failed": evaluation.failed,
        "pass_at": [{"k": at.k, "value": at.value, "interval": list(at.interval)} for at in evaluation.curve],
        "tokens": {role: count.model_dump() for role, count in evaluation.tokens.items()},
        "run": evaluation.run,
    }


def comparison_numbers(comparison: "Comparison") -> dict[str, Any]:
    """A comparison as plain data."""
    return {
        "before": evaluation_numbers(comparison.before),
        "after": evaluation_numbers(comparison.after),
        "tasks": comparison.n,
        "difference": comparison.difference,
        "interval": list(comparison.interval),
        "interval_method": comparison.interval_method,
        "p_value": comparison.p_value,
        "test": comparison.test,
        "wrong_to_right": comparison.wrong_to_right,
        "right_to_wrong": comparison.right_to_wrong,
        "unpaired": comparison.unpaired,
    }
