"""From the rollouts of the rounds to new weights: rows in an order that does not depend on when rollouts ended.

`sft` learns selected solutions; another objective the rows of its own export. Rows are sorted by what they say, so a
round whose rollouts were cut off and taken up again gives the same rows as one that was not. An option of an export
that keeps the first so many of a task goes by the record, which is in the order of the rollouts' begin. Not covered:
objectives that make their rows themselves.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tutelage.errors import UserError
from tutelage.traces import Run
from tutelage.training.dataset import rows
from tutelage.training.improvement.settings import ImproveSettings
from tutelage.training.jobs.launching import train
from tutelage.training.jobs.settings import SEEDS, UpdateSettings
from tutelage.training.objectives import Objective, objective_named
from tutelage.training.selection import select

__all__ = ["learn", "objective_of", "rows_of", "training_of"]

LINEAGE = ("lineage", "id", "run_id", "rollout_id", "turn_id", "candidate_id", "task_id")
"""Columns that say where a row comes from, and not what is learnt."""


def objective_of(settings: ImproveSettings) -> Objective:
    """Give the objective of the rounds.

    Raises:
        UserError: there is none of that name, or it makes its rows itself.
    """
    found = objective_named(settings.objective)
    if found.online:
        raise UserError(
            f"{found.name!r} rolls out for itself (tutelage.training.reinforce); "
            "improve takes objectives that learn from rows"
        )
    return found


def training_of(settings: ImproveSettings, round: int) -> UpdateSettings:
    """Give the settings of a round's training.

    Raises:
        UserError: one is unknown, or its value is refused.
    """
    kind = objective_of(settings).settings
    chosen = {"seed": (settings.seed * 1000 + round) % SEEDS, **settings.training}
    try:
        return kind.model_validate(chosen)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UserError(
                f"training: {key} is unknown to {settings.objective!r}; known are {', '.join(kind.model_fields)}"
            ) from error
        raise UserError(f"training: {key}={first['input']!r}: {first['msg'].lower()}") from error


def rows_of(runs: Sequence[Path], settings: ImproveSettings, judge: str) -> list[dict[str, Any]]:
    """Make the rows to learn from recorded rollouts.

    Args:
        runs: the rounds' rollouts, the earliest first.
        settings: what is selected.
        judge: the name of the scores that select.
    """
    objective, found = objective_of(settings), []
    for path in runs:
        with Run.open(path) as run:
            if objective.name == "sft":
                chosen = settings.selection.model_copy(update={"verifier": judge})
                made = rows(select(run, chosen).examples)
            else:
                options = {"verifier": judge, **objective.options, **settings.export}
                made = [dict(row) for row in run.export(objective.export, **options)]
            found += sorted(made, key=_content)
    return found


def learn(
    base: Path,
    found: Sequence[Mapping[str, Any]],
    out: Path,
    settings: ImproveSettings,
    round: int,
    progress: bool,
) -> Path:
    """Train a round's weights; the same call again does nothing.

    Raises:
        UserError: there is nothing to learn, or the rows are not the objective's.
        EngineError: the training died.
    """
    # Ids are others in every run: without them the same rollouts are the same job.
    learnt = [{key: value for key, value in row.items() if key not in LINEAGE} for row in found]
    lineage = {"round": round}
    return train(
        settings.objective,
        base,
        learnt,
        out,
        training_of(settings, round),
        lineage=lineage,
        progress=progress,
    )


def _content(row: Mapping[str, Any]) -> str:
    return json.dumps(
        {key: value for key, value in row.items() if key not in LINEAGE}, sort_keys=True, default=str
    )
