"""`rescore`: a stored run judged by another verifier, without an engine.

The solution of every rollout that is done, and every candidate, as at the end of a rollout. All scores are on
record at the end, or none. Scores are added, never replaced: of one name the latest counts. Not covered:
single turns (`Run.score`), and failed rollouts, which have no solution.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tutelage.errors import TutelageError, UserError
from tutelage.tools import Verifier
from tutelage.traces import Rollout, Run, ScoreRow, Store, Subject
from tutelage.traces.judging import record_scores
from tutelage.types import Score, Task

__all__ = ["recorded_solution", "rescore"]


def rescore(
    run: str | Path, verifier: Verifier, *, progress: Callable[[int, int], None] | None = None
) -> Run:
    """Judge a recorded run.

    Args:
        run: Its directory; nobody else may be writing it.
        verifier: Judges; its own name is the name of the scores.
        progress: Is told how many of how many rollouts are judged.

    Returns:
        The run, open for reading.

    Raises:
        UserError: The verifier cannot judge one of the tasks, or there is nothing to judge; nothing was added.
        StoreError: There is no run, or it cannot be written.
    """
    if not isinstance(verifier, Verifier):
        raise UserError(f"a verifier has a name, answer() and score(); {type(verifier).__name__} has not")
    store = Store.open(run, create=False)
    try:
        opened = store.run()
        rollouts = opened.rollouts("done")
        if not rollouts:
            raise UserError(f"run {opened.name!r} has no rollout that is done; there is nothing to score")
        record_scores(opened, _judged(opened, rollouts, verifier, progress))
    except BaseException:
        store.close()
        raise
    opened.release()
    return opened


def recorded_solution(run: Run, rollout: Rollout) -> str:
    """The solution that a rollout came to: of its final state, else its last candidate, else what was said last."""
    output = rollout.output
    if isinstance(output, Mapping):
        solution = output.get("solution")
        if isinstance(solution, str):
            return solution
        said = _last_answer(output.get("messages"))
        if said is not None:
            return said
    candidates = run.candidates(rollout.id)
    if candidates:
        return candidates[-1].text
    turns = run.turns(rollout.id)
    return turns[-1].completion if turns else ""


def _last_answer(messages: Any) -> str | None:
    """What the model said last in messages as a rollout's output has them; `None` where it said nothing."""
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, Mapping) and message.get("type") == "ai":
            return _text(message.get("content"))
    return None


def _text(content: Any) -> str:
    """A message's content as text: itself, or its parts of text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(
        part if isinstance(part, str) else str(part.get("text", ""))
        for part in parts
        if isinstance(part, str) or (isinstance(part, Mapping) and part.get("type") == "text")
    )


def _judged(
    run: Run,
    rollouts: list[Rollout],
    verifier: Verifier,
    progress: Callable[[int, int], None] | None,
) -> Iterator[ScoreRow]:
    for number, rollout in enumerate(rollouts, 1):
        yield from _of(run, rollout, verifier)
        if progress is not None:
            progress(number, len(rollouts))


def _of(run: Run, rollout: Rollout, verifier: Verifier) -> Iterator[ScoreRow]:
    """The scores of one rollout; equal texts are judged once."""
    known: dict[str, Score] = {}

    def judge(text: str) -> Score:
        if text not in known:
            known[text] = _score(verifier, rollout.task, text)
        return known[text]

    for candidate in run.candidates(rollout.id):
        yield _row(rollout.id, "candidate", candidate.id, judge(candidate.text))
    yield _row(rollout.id, "rollout", rollout.id, judge(recorded_solution(run, rollout)))


def _row(rollout_id: str, subject: Subject, subject_id: str, score: Score) -> ScoreRow:
    return ScoreRow(
        rollout_id=rollout_id, subject=subject, subject_id=subject_id, score=score, given=time.time()
    )


def _score(verifier: Verifier, task: Task, text: str) -> Score:
    """Judge a text; what goes wrong in a verifier of the user's is told with the task."""
    try:
        found = verifier.score(task, text)
    except TutelageError:
        raise
    except Exception as error:
        raise UserError(
            f"verifier {verifier.name!r} fails on task {task.id!r}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Score):
        raise UserError(
            f"verifier {verifier.name!r} gives {type(found).__name__} for task {task.id!r}, which is no Score"
        )
    return found
