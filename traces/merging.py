"""One run out of several: shards that machines recorded apart, and runs of an older schema made new.

Rollouts are copied one a transaction, under their own ids, so that a merge that was killed goes on where it
stopped, and merging a shard again adds nothing. A merged run says of each rollout which shard recorded it.
Not covered: shards that are still being written (what they have is taken; merge again later).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.traces.blobs import text_value
from tutelage.traces.calls import Calls
from tutelage.traces.record import Candidate, Rollout, ScoreRow, Turn
from tutelage.traces.run import Origin, Run
from tutelage.traces.store import Store, first_difference
from tutelage.traces.writing import Rows

__all__ = ["Story", "add_story", "merge_runs"]


@dataclass(frozen=True, slots=True)
class Story:
    """A rollout with all that belongs to it."""

    rollout: Rollout
    turns: Sequence[Turn]
    candidates: Sequence[Candidate]
    scores: Sequence[ScoreRow]


def merge_runs(shards: Iterable[str | Path], into: str | Path, *, name: str | None = None) -> Run:
    """Bring the rollouts of several runs together in one.

    Args:
        shards: Directories or copies of runs with equal settings, their tasks apart.
        into: The merged run's directory, new or of an earlier merge.
        name: What to call it; by default the directory's name.

    Returns:
        The merged run, open for reading.

    Raises:
        UserError: The settings differ, or two shards have the same repeat of the same task.
        StoreError: A shard cannot be read or the merged run not be written.
    """
    paths = list(shards)
    if not paths:
        raise UserError("there are no runs to merge")
    _same_settings(paths)
    with Store.open(into) as store:
        for path in paths:
            with Run.open(path) as shard:
                store.start_run(_settings(shard.settings), name=name)
                _merge(store, shard)
    return Run.open(into)


def _same_settings(paths: Sequence[str | Path]) -> None:
    """Compare the shards before anything is written."""
    settings = []
    for path in paths:
        with Run.open(path) as shard:
            settings.append(_settings(shard.settings))
        difference = first_difference(settings[0], settings[-1])
        if difference is not None:
            key, first, other = difference
            raise UserError(
                f"run {str(path)!r} has setting {key!r} {other}, and run {str(paths[0])!r} has {first}; "
                "runs of one experiment can be merged, with equal settings but for their tasks"
            )


def _settings(settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What shards have in common: everything but their tasks."""
    return {key: value for key, value in settings.items() if key != "tasks"}


def _merge(store: Store, shard: Run) -> None:
    journal = store.writing()
    numbers = {each.id: journal.write(partial(_shard, each)) for each in shard.origins()}
    for status in ("done", "failed", "abandoned"):
        for rollout in shard.rollouts(status):
            story = Story(
                rollout, shard.turns(rollout.id), shard.candidates(rollout.id), shard.scores(rollout.id)
            )
            journal.write(partial(_add, story, numbers[rollout.run_id]))


def _shard(origin: Origin, rows: Rows) -> int:
    row = rows.connection.execute("SELECT seq FROM shards WHERE id = ?", (origin.id,)).fetchone()
    if row is None:
        settings = text_value(json.dumps(origin.settings, ensure_ascii=False))
        sql = "INSERT INTO shards (id, name, settings, created) VALUES (?, ?, ?, ?) RETURNING seq"
        values = (origin.id, text_value(origin.name), settings, origin.created)
        row = rows.connection.execute(sql, values).fetchone()
    return int(row[0])


def _add(story: Story, shard: int, rows: Rows) -> None:
    add_story(rows, story, shard)


def add_story(rows: Rows, story: Story, shard: int | None) -> None:
    """Add a rollout under its own id, unless it is there; what its shard said later of it is added, too.

    Raises:
        UserError: Another rollout of the same task and repeat is there and counts.
    """
    rollout = story.rollout
    sql = "SELECT seq FROM rollouts WHERE id = ?"
    row = rows.connection.execute(sql, (rollout.id,)).fetchone()
    if row is None:
        number = _add_rollout(rows, rollout, shard)
        calls = Calls(number, whole=True)
        for turn in story.turns:
            calls.add_turn(rows, turn)
        for candidate in story.candidates:
            rows.candidate(number, candidate)
        fresh: Sequence[ScoreRow] = story.scores
    else:
        number = int(row[0])
        sql = "SELECT subject_id, name, given FROM scores WHERE rollout = ?"
        known = set(rows.connection.execute(sql, (number,)))
        fresh = [each for each in story.scores if _named(each) not in known]
    for score in fresh:
        rows.score(number, score)


def _named(row: ScoreRow) -> tuple[Any, ...]:
    return text_value(row.subject_id), text_value(row.score.name), row.given


def _add_rollout(rows: Rows, rollout: Rollout, shard: int | None) -> int:
    task = rows.task(rollout.task)
    if rollout.status != "abandoned":
        sql = "SELECT id FROM rollouts WHERE task = ? AND repeat = ? AND status <> 'abandoned'"
        taken = rows.connection.execute(sql, (task, rollout.repeat)).fetchone()
        if taken is not None:
            raise UserError(
                f"repeat {rollout.repeat} of task {rollout.task.id!r} is in two of the runs (rollouts {taken[0]!r} "
                f"and {rollout.id!r}); a task counts once, so merge runs that share no repeats of tasks"
            )
    output = None
    if rollout.output is not None:
        output = rows.json(rollout.output, f"the output of rollout {rollout.id!r}")
    rows.flush()
    values: tuple[Any, ...] = (
        rollout.id,
        task,
        rollout.repeat,
        rollout.status,
        text_value(rollout.error),
        text_value(rollout.answer),
        rollout.started,
        rollout.ended,
        output,
        shard,
    )
    sql = """INSERT INTO rollouts (id, task, repeat, status, error, answer, started, ended, output, shard)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq"""
    return int(rows.connection.execute(sql, values).fetchone()[0])
