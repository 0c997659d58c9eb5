"""Attempts for a critic to judge: what a run's solutions were, one right and one wrong of each task.

As in Critique-RL (Xi et al. 2025, arXiv 2510.24320) the actor's first attempts are made once and kept, so that all
critiques of a task are about the same solution, and their rewards can be compared. Both kinds come from the same
problems: nobody can tell them apart by the problem, and always saying one verdict is worth one half. Not covered:
tasks that are always solved, or never; they are left out.
"""

from random import Random

from tutelage.errors import UserError
from tutelage.graphs.critique import ATTEMPT
from tutelage.traces import Candidate, Run
from tutelage.training.selection import verifier_of
from tutelage.types import Task

__all__ = ["attempts"]


def attempts(run: Run, *, verifier: str | None = None, seed: int = 0) -> list[Task]:
    """Tasks with a recorded attempt each, for `critique(..., recorded=True)`.

    Args:
        run: a run with several rollouts a task.
        verifier: whose verdict on candidates counts; `None`: the run's only verifier.
        seed: which of several attempts are drawn.

    Returns:
        Two tasks for each that has both kinds, `ID/right` and `ID/wrong`, the attempt in their metadata.

    Raises:
        UserError: no task has both kinds.
    """
    scores = run.scores(subject="candidate")
    judge = verifier_of(run, scores, verifier)
    passed = {row.subject_id: row.score.passed for row in scores if row.score.name == judge}
    tasks = {rollout.id: rollout.task for rollout in run.rollouts("done")}
    kinds: dict[str, tuple[Task, dict[bool, list[Candidate]]]] = {}
    for candidate in run.candidates():
        right, task = passed.get(candidate.id), tasks.get(candidate.rollout_id)
        if right is not None and task is not None:
            _, found = kinds.setdefault(task.id, (task, {True: [], False: []}))
            found[right].append(candidate)
    rng = Random(f"attempts/{seed}")
    made = [
        _with(task, rng.choice(found[right]), right)
        for task, found in kinds.values()
        if all(found.values())
        for right in (True, False)
    ]
    if not made:
        raise UserError(
            f"no task of run {run.name!r} was solved rightly and wrongly; take tasks that sometimes fail, or more repeats"
        )
    return made


def _with(task: Task, attempt: Candidate, right: bool) -> Task:
    return task.model_copy(
        update={
            "id": f"{task.id}/{'right' if right else 'wrong'}",
            "metadata": {**task.metadata, ATTEMPT: attempt.text},
        }
    )
