"""`distill`: from a recorded run to a better policy directory, in one call.

What agents found together, with samples, reviews, hints and refinements, is learnt as the solver's own
answer to the bare problem. Selection, data set and training are parts of their own; this is the way through
them. Not covered: objectives besides supervised fine-tuning, rewards.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.traces import Run
from tutelage.training.dataset import rows
from tutelage.training.jobs.launching import train
from tutelage.training.objectives import SftSettings
from tutelage.training.policies import base_directory, local_directory
from tutelage.training.selection import Selection, SelectionSettings, select

if TYPE_CHECKING:
    from tutelage.agents import Prompt

__all__ = ["distill"]

OBJECTIVES = ("sft",)


def distill(
    run: Run | str | Path,
    objective: str = "sft",
    *,
    model: ChatModel | str | Path | None = None,
    out: str | Path | None = None,
    selection: SelectionSettings | None = None,
    settings: SftSettings | None = None,
    prompt: "Prompt | str | Path" = "solver",
    reload: bool = True,
    progress: bool = True,
) -> Path:
    """Train a policy on a run's verified solutions.

    Args:
        run: an open run, or its directory.
        objective: "sft".
        model: what to train: a model directory, or a chat model over one; `None`: what spoke in the run.
        out: the new policy directory; `None`: beside the run's, with `-sft` at the end of its name.
        selection: which solutions to learn; `None` for the defaults.
        settings: how to train; `None` for the defaults.
        prompt: the solver's prompt.
        reload: let `model`, if it is a chat model, take the new weights.
        progress: tell on stderr what is chosen and how far the training is.

    Returns:
        The policy directory; its `policy.json` says what it was trained on.

    Raises:
        UserError: an unknown objective, nothing to learn, no way to know which weights to train, or an adapter that the
            model would have to take.
        MissingDependency: TRL is not installed.
        EngineError: the training died, or the engine could not take the new weights.
    """
    if objective not in OBJECTIVES:
        raise UserError(f"objective={objective!r}: give one of {', '.join(map(repr, OBJECTIVES))}")
    if not isinstance(run, Run):
        with Run.open(run) as opened:
            return distill(
                opened, objective, model=model, out=out, selection=selection, settings=settings,
                prompt=prompt, reload=reload, progress=progress,
            )  # fmt: skip
    if reload and isinstance(model, ChatModel) and settings is not None and settings.adapter is not None:
        raise UserError(
            "a running engine cannot take a new adapter: give reload=False, then connect(..., adapters={NAME: DIR})"
        )
    rules = selection or SelectionSettings()
    chosen = select(run, rules)
    if progress:
        print(f"tutelage: {chosen.account()}", file=sys.stderr)
    if not chosen.examples:
        raise UserError(f"run {run.name!r} gives nothing to learn: {chosen.account()}")
    trained = train(
        "sft",
        _base(run, model),
        rows(chosen.examples, prompt),
        _out(run, out),
        settings,
        lineage=_lineage(run, chosen, rules),
        progress=progress,
    )
    if reload and isinstance(model, ChatModel):
        model.reload(trained)
    return trained


def _base(run: Run, model: ChatModel | str | Path | None) -> Path:
    if isinstance(model, ChatModel):
        return local_directory(model)
    if model is not None:
        return Path(model)
    return base_directory({(turn.model, turn.policy) for turn in run.turns()})


def _out(run: Run, out: str | Path | None) -> Path:
    if out is not None:
        return Path(out)
    if run.path is None:
        raise UserError("the run was kept in memory only, so there is no place beside it; give out=DIR")
    return run.path.with_name(f"{run.path.name}-sft")


def _lineage(run: Run, chosen: Selection, rules: SelectionSettings) -> dict[str, JsonValue]:
    families: dict[str, JsonValue] = {}
    for name in sorted({example.family for example in chosen.examples}):
        families[name] = sum(example.family == name for example in chosen.examples)
    path = None if run.path is None else str(run.path.absolute())
    return {
        "run": {"id": run.id, "name": run.name, "path": path},
        "selection": rules.model_dump(mode="json"),
        "account": chosen.account(),
        "examples": len(chosen.examples),
        "tasks": len({example.task_id for example in chosen.examples}),
        "families": families,
        "policies": [*sorted({example.policy for example in chosen.examples if example.policy})],
    }
