"""Scores that are given later, of a whole run at once: all of them are on record, or none.

Not covered: what gives them (`tutelage.graphs.rescoring`), and single ones (`Run.score`).
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from tutelage.errors import UserError
from tutelage.traces.record import ScoreRow
from tutelage.traces.run import Run
from tutelage.traces.writing import Rows

__all__ = ["record_scores"]


def record_scores(run: Run, rows: Iterable[ScoreRow]) -> int:
    """Add scores in one transaction; of one name the latest counts.

    Args:
        run: The run, open for writing.
        rows: The scores, those of a rollout one after the other.

    Returns:
        How many there were.

    Raises:
        UserError: A rollout is not there; nothing was added.
        StoreError: The run cannot be written.
    """
    scores = list(rows)
    run._store.writing().write(lambda writer: _add(writer, run, scores))
    return len(scores)


def _add(writer: Rows, run: Run, scores: list[ScoreRow]) -> None:
    """Find every rollout before the first row is added: an action that refuses has added nothing."""
    found = list(_numbered(writer, run, scores))
    for number, row in found:
        writer.score(number, row)


def _numbered(writer: Rows, run: Run, scores: list[ScoreRow]) -> Iterator[tuple[int, ScoreRow]]:
    sql = "SELECT seq FROM rollouts WHERE id = ?"
    for rollout_id, some in groupby(scores, key=lambda row: row.rollout_id):
        number = writer.connection.execute(sql, (rollout_id,)).fetchone()
        if number is None:
            raise UserError(f"run {run.name!r} has no rollout {rollout_id!r}")
        yield from ((number[0], row) for row in some)
