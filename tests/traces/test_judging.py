from pathlib import Path

import pytest

from tutelage import Task
from tutelage.errors import StoreError, UserError
from tutelage.traces import Run, ScoreRow
from tutelage.traces.judging import record_scores
from tutelage.types import Score


def row(rollout_id: str, value: float) -> ScoreRow:
    score = Score(name="exact", value=value)
    return ScoreRow(rollout_id=rollout_id, subject="rollout", subject_id=rollout_id, score=score, given=1.0)


def test_all_scores_are_recorded_in_their_order(run: Run, task: Task) -> None:
    first = run.begin(task).rollout.id
    second = run.begin(task, 1).rollout.id
    rows = [row(first, 1), row(first, 2), row(second, 3)]
    assert record_scores(run, rows) == 3
    assert run.scores() == rows


def test_all_scores_are_recorded_or_none(run: Run, task: Task) -> None:
    rollout = run.begin(task).rollout.id

    def breaking() -> object:
        yield row(rollout, 1)
        raise RuntimeError("a verifier broke")

    with pytest.raises(UserError, match="no rollout 'nobody'"):
        record_scores(run, [row(rollout, 1), row("nobody", 1)])
    with pytest.raises(RuntimeError, match="a verifier broke"):
        record_scores(run, breaking())  # type: ignore[arg-type]
    assert run.scores() == []


def test_a_run_that_is_only_read_takes_no_scores(run: Run, directory: Path) -> None:
    with Run.open(directory) as reader, pytest.raises(StoreError, match="reading only"):
        record_scores(reader, [])
