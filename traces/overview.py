"""A run in columns: a few aggregates over its rollouts, for a table that many filters and plots ask.

Every reader gives rows that begin with a rollout's number (`rollouts.seq`), of all rollouts up to a number or of a
few; so what was read once is kept up to date by reading again what `changes` names. Values that are not known are
`None`. Not covered: texts (`tutelage.traces.said`), single turns (`tutelage.traces.turn_heads`), and keeping what
was read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from tutelage.traces.blobs import content_of, text_value, unpack, value_text
from tutelage.traces.database import Database
from tutelage.traces.export.own_score import VERDICT
from tutelage.traces.lessons import NAMED
from tutelage.traces.run import Run

__all__ = [
    "STATUSES",
    "Changes",
    "Mark",
    "Speaker",
    "TaskFacts",
    "Which",
    "attempts",
    "changes",
    "counted",
    "database_of",
    "judgements",
    "names",
    "number_of",
    "only_verifier",
    "outcomes",
    "own_verifier",
    "quick_counts",
    "rounds",
    "shares",
    "speakers",
    "states",
    "steps_between",
    "tasks",
    "verdicts",
    "verifiers",
]

Row: TypeAlias = tuple[Any, ...]

STATUSES = ("running", "done", "failed", "abandoned")
"""A status is given as its place here."""

RANK = "CASE r.status WHEN 'running' THEN 0 WHEN 'done' THEN 1 WHEN 'failed' THEN 2 ELSE 3 END"

SHARES = """SELECT rollout, speaker, sum(p), sum(c), sum(n), sum(e), sum(s) FROM (
    SELECT t.rollout, t.speaker, max(t.prompt_tokens) AS p, sum(t.completion_tokens) AS c, count(*) AS n,
        count(t.error) AS e, max(t.seconds) AS s
    FROM turns t WHERE {which} GROUP BY t.rollout, t.call, t.speaker)
GROUP BY rollout, speaker"""

STEPS = """SELECT before, node, count(*) FROM (
    SELECT s.node AS node, t.call AS call, lag(s.node) OVER (PARTITION BY t.rollout ORDER BY t.seq) AS before,
        lag(t.call) OVER (PARTITION BY t.rollout ORDER BY t.seq) AS earlier
    FROM turns t JOIN speakers s ON s.id = t.speaker JOIN rollouts r ON r.seq = t.rollout
    WHERE r.status <> 'abandoned')
WHERE earlier IS NULL OR call <> earlier GROUP BY before, node"""

JUDGED = """SELECT sum(passed), sum(NOT passed) FROM (
    SELECT s.passed AS passed, max(s.seq) FROM scores s NOT INDEXED WHERE s.subject = 'rollout' AND s.name = ?
    AND s.rollout NOT IN (SELECT seq FROM rollouts WHERE status = 'abandoned') GROUP BY s.rollout)"""

LASTS = """SELECT s.node, NULL, count(*) FROM (
    SELECT max(t.seq) AS last FROM turns t JOIN rollouts r ON r.seq = t.rollout
    WHERE r.status IN ('done', 'failed') GROUP BY t.rollout) l
JOIN turns t ON t.seq = l.last JOIN speakers s ON s.id = t.speaker GROUP BY s.node"""


@dataclass(frozen=True, slots=True)
class Which:
    """Whose rows are read."""

    upto: int
    """Rollouts up to this number …"""
    only: Sequence[int] | None = None
    """… and only these, where some are given."""

    def where(self, column: str) -> tuple[str, tuple[object, ...]]:
        """The condition on a column that holds a rollout's number."""
        if self.only is None:
            return f"{column} <= ?", (self.upto,)
        return f"{column} IN (SELECT value FROM json_each(?))", (json.dumps(list(self.only)),)


class Mark(NamedTuple):
    """How far a run was read: the highest numbers of its tables."""

    rollouts: int = 0
    turns: int = 0
    candidates: int = 0
    scores: int = 0
    tasks: int = 0


class Changes(NamedTuple):
    """What came since a mark."""

    mark: Mark
    rollouts: Sequence[int]
    """Numbers of those that are new, ended, or have new turns, candidates or scores."""


class Speaker(NamedTuple):
    """Who spoke."""

    role: str
    node: str | None
    model: str
    policy: str


class TaskFacts(NamedTuple):
    """What a table shows of a task."""

    id: str
    family: str
    difficulty: int | None
    reference: str | None


def database_of(run: Run) -> Database:
    """The database of a run, for the readers here."""
    return run._store.database


def changes(database: Database, mark: Mark, running: Iterable[int]) -> Changes:
    """Find out what is new since a mark.

    Args:
        database: The run.
        mark: How far it was read.
        running: Numbers of the rollouts that were running then.
    """
    with database.reading() as connection:
        row = connection.execute(
            """SELECT (SELECT coalesce(max(seq), 0) FROM rollouts), (SELECT coalesce(max(seq), 0) FROM turns),
            (SELECT coalesce(max(seq), 0) FROM candidates), (SELECT coalesce(max(seq), 0) FROM scores),
            (SELECT coalesce(max(seq), 0) FROM tasks)"""
        ).fetchone()
        now = Mark(*row)
        touched = set(range(mark.rollouts + 1, now.rollouts + 1))
        if mark.rollouts:
            for table, last in (
                ("turns", mark.turns),
                ("candidates", mark.candidates),
                ("scores", mark.scores),
            ):
                sql = f"SELECT DISTINCT rollout FROM {table} WHERE seq > ?"
                touched.update(number for (number,) in connection.execute(sql, (last,)))
        sql = """SELECT seq FROM rollouts WHERE status <> 'running'
            AND seq IN (SELECT value FROM json_each(?))"""
        touched.update(number for (number,) in connection.execute(sql, (json.dumps(list(running)),)))
    return Changes(now, sorted(touched))


def counted(database: Database) -> int:
    """Count the rollouts that count."""
    ((found,),) = database.rows("SELECT count(*) FROM rollouts WHERE status <> 'abandoned'")
    return int(found)


def number_of(database: Database, rollout_id: str) -> int | None:
    """Give a rollout's number; `None` where the run has none of this id."""
    found = database.rows("SELECT seq FROM rollouts WHERE id = ?", (rollout_id,))
    return int(found[0][0]) if found else None


def quick_counts(run: Run) -> dict[str, int | None]:
    """Count rollouts by status, right (`passed`) and wrong ones, tasks and turns, without reading any.

    Right and wrong are `None` where nothing is judged, or it is not clear whose scores count.
    """
    database = database_of(run)
    tally: dict[str, int] = dict.fromkeys(STATUSES, 0)
    tally |= dict(database.rows("SELECT status, count(*) FROM rollouts GROUP BY status"))
    rollouts = sum(tally.values()) - tally["abandoned"]
    ((turns, tasks),) = database.rows("SELECT (SELECT count(*) FROM turns), (SELECT count(*) FROM tasks)")
    passed, wrong = _judged(run, database)
    return {
        **tally,
        "rollouts": rollouts,
        "passed": passed,
        "wrong": wrong,
        "tasks": tasks,
        "turns": turns,
    }


def own_verifier(run: Run) -> str | None:
    """Give the name of the verifier that a run was started with."""
    settings = run.settings.get("verifier")
    name = settings.get("name") if isinstance(settings, dict) else None
    return name if isinstance(name, str) else None


def only_verifier(known: Mapping[str, bool]) -> str | None:
    """Give the only one of `verifiers` that says right or wrong, else the only one; `None` where there are several."""
    deciding = [name for name, decides in known.items() if decides] or list(known)
    return deciding[0] if len(deciding) == 1 else None


def states(database: Database, which: Which) -> list[Row]:
    """Give number, task's number, repeat, place of the status in `STATUSES`, start and end of each rollout."""
    where, parameters = which.where("r.seq")
    sql = f"SELECT r.seq, r.task, r.repeat, {RANK}, r.started, r.ended FROM rollouts r WHERE {where}"
    return database.rows(sql, parameters)


def names(database: Database, which: Which) -> list[Row]:
    """Give number, id, answer and error of each rollout."""
    where, parameters = which.where("r.seq")
    sql = f"SELECT r.seq, r.id, r.answer, r.error FROM rollouts r WHERE {where}"
    return [
        (number, id, value_text(answer), value_text(error))
        for number, id, answer, error in database.rows(sql, parameters)
    ]


def shares(database: Database, which: Which) -> list[Row]:
    """Give what each speaker had of each rollout.

    Returns:
        The rollout's number, the speaker's, prompt tokens (of n samples of a call once), completion tokens, turns,
        turns with an error, and seconds (of a call once).
    """
    where, parameters = which.where("t.rollout")
    return database.rows(SHARES.format(which=where), parameters)


def outcomes(database: Database, which: Which, verifier: str) -> list[Row]:
    """Give number, value and decision of each rollout that a verifier judged; the latest counts."""
    return [
        (number, value, passed)
        for (number, _), (value, passed) in _latest(database, which, "rollout", verifier)
    ]


def verdicts(database: Database, which: Which) -> list[Row]:
    """Give number and verdict (1 right, 0 wrong, `None` unreadable) of each review."""
    return [(number, said) for (number, _), (_, said) in _latest(database, which, "turn", VERDICT)]


def rounds(database: Database, which: Which) -> list[Row]:
    """Give the number and the highest round of each rollout that has candidates."""
    where, parameters = which.where("c.rollout")
    return database.rows(
        f"SELECT c.rollout, max(c.round) FROM candidates c WHERE {where} GROUP BY c.rollout", parameters
    )


def attempts(database: Database, which: Which, verifier: str) -> list[Row]:
    """Give the candidates that a verifier judged.

    Returns:
        The rollout's number, the round, value and decision, and the decision on the candidate it was made from.
    """
    truth = {id: score for (_, id), score in _latest(database, which, "candidate", verifier)}
    where, parameters = which.where("c.rollout")
    found = []
    for number, id, parents, round in database.rows(
        f"SELECT c.rollout, c.id, c.parents, c.round FROM candidates c WHERE {where} ORDER BY c.seq",
        parameters,
    ):
        if id in truth:
            before = truth.get(_first(parents)) if parents is not None else None
            found.append((number, round, *truth[id], None if before is None else before[1]))
    return found


def judgements(database: Database, which: Which, verifier: str) -> list[Row]:
    """Give number, verdict and truth of each review; the truth is of the nearest candidate it builds on."""
    truth = {id: passed for (_, id), (_, passed) in _latest(database, which, "candidate", verifier)}
    where, parameters = which.where("c.rollout")
    written = {
        turn: truth.get(id)
        for turn, id in database.rows(
            f"SELECT c.turn_id, c.id FROM candidates c WHERE c.turn_id IS NOT NULL AND {where}", parameters
        )
    }
    where, parameters = which.where("t.rollout")
    sql = f"SELECT t.id, t.parents FROM turns t WHERE t.parents IS NOT NULL AND {where}"
    parents = dict(database.rows(sql, parameters))
    return [
        (number, said, _truth(turn, parents, written))
        for (number, turn), (_, said) in _latest(database, which, "turn", VERDICT)
    ]


def speakers(database: Database) -> dict[int, Speaker]:
    """Give who spoke, by number."""
    return {
        number: Speaker(
            value_text(role) or "", value_text(node), value_text(model) or "", value_text(policy) or ""
        )
        for number, role, node, model, policy in database.rows(
            "SELECT id, role, node, model, policy FROM speakers"
        )
    }


def tasks(database: Database, only: Sequence[int] | None = None, after: int = 0) -> dict[int, TaskFacts]:
    """Give facts of the tasks, by number: of these, or of all after a number."""
    where = "k.seq > ?" if only is None else "k.seq IN (SELECT value FROM json_each(?))"
    parameter = after if only is None else json.dumps(list(only))
    sql = f"SELECT k.seq, k.id, b.data FROM tasks k JOIN bodies b ON b.id = k.body WHERE {where}"
    return {
        number: _facts(id, content_of(unpack(data))) for number, id, data in database.rows(sql, (parameter,))
    }


def verifiers(database: Database, after: int = 0) -> dict[str, bool]:
    """Give the names of all that judged, but for reviewers and teachers, and whether they say right or wrong.

    Args:
        database: The run.
        after: Of scores after this number only.
    """
    sql = f"""SELECT name, max(passed IS NOT NULL) FROM scores
        WHERE seq > ? AND name NOT IN ('{VERDICT}', {NAMED}) GROUP BY name ORDER BY name"""
    return {value_text(name) or "": bool(decides) for name, decides in database.rows(sql, (after,))}


def steps_between(database: Database) -> Iterator[tuple[str | None, str | None, int]]:
    """Count how often a model call of one node followed one of another within a rollout.

    Yields:
        The node before (`None`: the rollout began), the node after (`None`: it ended), how often.
    """
    for row in (*database.rows(STEPS), *database.rows(LASTS)):
        yield value_text(row[0]), value_text(row[1]), row[2]


def _judged(run: Run, database: Database) -> tuple[int | None, int | None]:
    """How many rollouts are right and wrong: by the run's own verifier, else, where it judged none, by its only one."""

    def by(name: str | None) -> tuple[int | None, int | None]:
        return (None, None) if name is None else database.rows(JUDGED, (text_value(name),))[0]

    own = own_verifier(run)
    found = by(own)
    if found != (None, None):
        return found
    known = verifiers(database)
    return by(only_verifier(known)) if own not in known else found


def _latest(
    database: Database, which: Which, subject: str, name: str
) -> Iterable[tuple[tuple[int, str], tuple[float | None, int | None]]]:
    """The scores of a name that count: (rollout, subject's id) to (value, passed)."""
    where, parameters = which.where("s.rollout")
    sql = f"""SELECT s.rollout, s.subject_id, s.value, s.passed FROM scores s
        WHERE s.subject = ? AND s.name = ? AND {where} ORDER BY s.seq"""
    rows = database.rows(sql, (subject, name, *parameters))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}.items()


def _facts(id: str | bytes, body: Mapping[str, Any]) -> TaskFacts:
    return TaskFacts(
        value_text(id) or "", body.get("family") or "", body.get("difficulty"), body.get("reference")
    )


def _first(parents: str | bytes) -> str:
    return next(iter(json.loads(value_text(parents) or "[]")), "")


def _truth(turn: str, parents: Mapping[str, str | bytes], written: Mapping[str, int | None]) -> int | None:
    """The truth of the candidate of the nearest turn that a turn builds on."""
    level, seen = [turn], {turn}
    while level:
        level = [
            each
            for name in level
            if name in parents
            for each in json.loads(value_text(parents[name]) or "[]")
        ]
        level = [each for each in dict.fromkeys(level) if each not in seen]
        for each in level:
            if each in written:
                return written[each]
        seen.update(level)
    return None
