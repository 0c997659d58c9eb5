"""`appraise`: measure a claim, and everything that it has to be measured against.

Every part is a run of its own in a folder, so the same call continues where it was cut off. Not covered: training the
controls (another reward, another curriculum); give their evaluations to `Appraisal.with_arms`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.errors import UserError
from tutelage.tools import Verifier
from tutelage.traces import Run
from tutelage.training.appraisal.appraisal import Appraisal
from tutelage.training.appraisal.arms import Arm
from tutelage.training.appraisal.baselines import baselines
from tutelage.training.appraisal.critique import critique
from tutelage.training.appraisal.forgetting import Forgetting
from tutelage.training.appraisal.measuring import Measuring
from tutelage.training.appraisal.origin import Origin
from tutelage.training.comparison import Comparison
from tutelage.training.evaluation import Evaluation
from tutelage.types import Task

if TYPE_CHECKING:
    from tutelage.agents import ChatModel
    from tutelage.graphs import Scorer
    from tutelage.graphs.compiled import AnyGraph

__all__ = ["appraise"]


def appraise(
    subject: "AnyGraph | ChatModel | Run",
    tasks: Iterable[Task] | None = None,
    *,
    verifier: Verifier,
    model: "ChatModel | None" = None,
    samples: int = 1,
    against_baselines: bool | None = None,
    scorer: "Scorer | None" = None,
    repairs: int = 200,
    before: "ChatModel | str | Path | None" = None,
    other: Sequence[Task] = (),
    origin: Origin | None = None,
    folder: str | Path | None = None,
    name: str | None = None,
    concurrency: int = 64,
    progress: bool = True,
) -> Appraisal:
    """Measure a subject against what it has to be measured against.

    Args:
        subject: a graph, a chat model (which solves in one shot), or a recorded run.
        tasks: the tasks; `None` for those of a run.
        verifier: who judges; of a run, whose verdicts count.
        model: who speaks in the baselines and the repairs; a chat model as subject is its own.
        samples: attempts a task; those of a run are as they are.
        against_baselines: measure one shot, greedy decoding, a vote and best-of-k at the subject's tokens; `None`: for
            graphs, and for runs with a `model`.
        scorer: chooses among best-of-k's samples; `None` for the model's own review.
        repairs: wrong solutions at most on which reviews are measured against exact ones; 0 for none.
        before: the weights before a training, a model or a directory: an arm of its own, in one shot.
        other: tasks of families that were not trained on, solved with the weights before and after.
        origin: where the weights come from.
        folder: where the runs go; `None` keeps them in memory.
        name: what to call the subject.
        concurrency: how many rollouts at once.
        progress: show how far it is on standard error.

    Raises:
        UserError: a graph without tasks or a model, baselines without a model, or as `rollout`.
    """
    from tutelage.agents import ChatModel

    if isinstance(subject, ChatModel):
        model = subject
    given = _tasks_of(subject, tasks)
    wanted = against_baselines
    if wanted is None:
        wanted = model is not None and not isinstance(subject, ChatModel)
    if wanted and model is None:
        raise UserError("baselines need a model to speak: appraise(..., model=...)")
    place = None if folder is None else Path(folder)
    measuring = Measuring(given, verifier, samples, place, concurrency, progress)
    run, mine = _rolled(subject, measuring)
    try:
        told = Evaluation.of(run, verifier=verifier.name, name=name)
        told = told.only(task.id for task in given)
        measuring = replace(measuring, samples=told.samples)
        found = critique(run, measuring, model, repairs)
    finally:
        if mine:
            run.close()
    arms, forgotten = _trained(told, model, before, other, origin, measuring)
    if wanted and model is not None:
        arms += baselines(told, model, measuring, scorer)
    return Appraisal(
        subject=told,
        arms=tuple(arms),
        critique=found,
        forgetting=forgotten,
        origin=origin,
        notes=_notes(told, model, scorer),
    )


def _tasks_of(subject: object, tasks: Iterable[Task] | None) -> list[Task]:
    if tasks is not None:
        return list(tasks)
    if not isinstance(subject, Run):
        raise UserError("a graph or a model needs tasks to solve: appraise(subject, tasks)")
    return list({each.task.id: each.task for each in subject.rollouts()}.values())


def _rolled(subject: "AnyGraph | ChatModel | Run", measuring: Measuring) -> tuple[Run, bool]:
    """The subject's run, and whether it is ours to close."""
    from tutelage.agents import ChatModel
    from tutelage.graphs import one_shot

    if isinstance(subject, Run):
        return subject, False
    graph = one_shot(subject, verifier=measuring.verifier) if isinstance(subject, ChatModel) else subject
    return measuring.run("subject", graph), True


def _trained(
    told: Evaluation,
    model: "ChatModel | None",
    before: "ChatModel | str | Path | None",
    other: Sequence[Task],
    origin: Origin | None,
    measuring: Measuring,
) -> tuple[list[Arm], Forgetting | None]:
    """The weights before the training, on the same tasks and on those that were not trained."""
    from tutelage.graphs import one_shot
    from tutelage.training.policies import borrowed

    if before is None:
        if other:
            raise UserError(
                "what was forgotten needs the weights before the training: appraise(..., before=...)"
            )
        return [], None
    if model is None:
        raise UserError("the weights before a training are measured beside a model: appraise(..., model=...)")
    verifier = measuring.verifier
    after = measuring.evaluated("other_after", one_shot(model, verifier=verifier), other) if other else None
    if isinstance(before, str | Path):
        with borrowed(model, before) as lent:
            first, was = _before(lent, other, measuring)
    else:
        first, was = _before(before, other, measuring)
    arm = Arm(kind="before", evaluation=first)
    if after is None or was is None:
        return [arm], None
    after = after.model_copy(update={"name": told.name})
    return [arm], Forgetting(
        comparison=Comparison.of(was, after), trained=() if origin is None else origin.families
    )


def _before(
    model: "ChatModel", other: Sequence[Task], measuring: Measuring
) -> tuple[Evaluation, Evaluation | None]:
    from tutelage.graphs import one_shot

    graph = one_shot(model, verifier=measuring.verifier)
    first = measuring.evaluated("before", graph, called="before the training")
    if not other:
        return first, None
    return first, measuring.evaluated("other_before", graph, other, called="before the training")


def _notes(told: Evaluation, model: "ChatModel | None", scorer: "Scorer | None") -> dict[str, str]:
    notes = {"Judged by": told.verifier, "Attempts a task": str(told.samples)}
    if model is not None:
        sampling = model.sampling
        notes["Baselines' model"] = (
            f"{model.name}, policy {model.policy}, temperature {sampling.temperature:g}, top_p {sampling.top_p:g}"
        )
    if scorer is not None:
        notes["Best of k chosen by"] = scorer.name
    return notes
