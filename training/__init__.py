"""What is learnt: selection from runs, fine-tuning, evaluation, comparison, and the page that tells it.

`distill` makes a policy directory from a run, `evaluate` says how good something is, `compare` whether it
is better. Names are loaded when they are first used, so that importing this room costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.training.comparison import Comparison, compare
    from tutelage.training.dataset import rows, write_rows
    from tutelage.training.distillation import distill
    from tutelage.training.evaluation import Attempt, Evaluation, evaluate
    from tutelage.training.report import Story, page, story_of, write_page
    from tutelage.training.selection import Example, Selection, SelectionSettings, select
    from tutelage.training.sft import train_sft
    from tutelage.training.sft_job import SftSettings
    from tutelage.training.statistics import (
        Interval,
        bootstrap_mean,
        maj_at_k,
        mcnemar,
        mean_at_k,
        newcombe,
        pass_at_k,
        sign_flip,
        wilson,
    )

__all__ = [
    "Attempt",
    "Comparison",
    "Evaluation",
    "Example",
    "Interval",
    "Selection",
    "SelectionSettings",
    "SftSettings",
    "Story",
    "bootstrap_mean",
    "compare",
    "distill",
    "evaluate",
    "maj_at_k",
    "mcnemar",
    "mean_at_k",
    "newcombe",
    "page",
    "pass_at_k",
    "rows",
    "select",
    "sign_flip",
    "story_of",
    "train_sft",
    "wilson",
    "write_page",
    "write_rows",
]

_HOMES = {
    "Attempt": "evaluation",
    "Comparison": "comparison",
    "Evaluation": "evaluation",
    "Example": "selection",
    "Interval": "statistics",
    "Selection": "selection",
    "SelectionSettings": "selection",
    "SftSettings": "sft_job",
    "Story": "report",
    "bootstrap_mean": "statistics",
    "compare": "comparison",
    "distill": "distillation",
    "evaluate": "evaluation",
    "maj_at_k": "statistics",
    "mcnemar": "statistics",
    "mean_at_k": "statistics",
    "newcombe": "statistics",
    "page": "report",
    "pass_at_k": "statistics",
    "rows": "dataset",
    "select": "selection",
    "sign_flip": "statistics",
    "story_of": "report",
    "train_sft": "sft",
    "wilson": "statistics",
    "write_page": "report",
    "write_rows": "dataset",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
