"""Pages: all that is recorded of a few tasks, in five queries, as light rows.

A page is read by columns, since a run has many turns and few of anything else. Not covered: which tasks
make a page (`tutelage.traces.export.reading`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import islice, repeat
from sqlite3 import Connection
from typing import Any, NamedTuple

from tutelage.traces.arrays import steps_of
from tutelage.traces.blobs import bytes_text, content_of, fetch, unpack, value_text
from tutelage.traces.export.story import (
    CandidateView,
    RolloutView,
    Scored,
    ScoreView,
    Speaker,
    Story,
    TurnView,
)
from tutelage.traces.lessons import NAMED
from tutelage.traces.prefixes import Conversations, Sequences

__all__ = ["Needs", "Pages"]

TURNS_OF_PAGE = 1000
CHARACTERS_OF_PAGE = 8 << 20
"""What a page should hold at most, turns and characters that were said."""

OF_PAGE = "r.task BETWEEN ? AND ? AND r.seq <= ? AND r.status <> 'abandoned'"
OF_LESSONS = "r.seq IN (SELECT value FROM json_each(?))"
"""Where lessons are asked for: what was said of a turn counts whatever became of its rollout."""
UNTAUGHT = f" AND s.name NOT IN ({NAMED})"

TASKS = """SELECT k.seq, k.id, b.data FROM tasks k JOIN bodies b ON b.id = k.body
    WHERE k.seq BETWEEN ? AND ? ORDER BY k.seq"""

ROLLOUT = """SELECT r.seq, r.task, r.id, h.id, r.repeat, r.status FROM rollouts r
    LEFT JOIN shards h ON h.seq = r.shard"""

BY_NUMBER = f"{ROLLOUT} WHERE r.seq IN (SELECT value FROM json_each(?))"

ROLLOUTS = f"{ROLLOUT} WHERE {OF_PAGE} ORDER BY r.task, r.repeat"

TURN = """SELECT r.task, t.rollout, t.id, t.speaker, t.parents, t.call, t.sample, t.prompt, b.data,
    t.tool_calls, t.finish_reason, t.error, t.read, t.written"""

TURNS = f"""{TURN}
    FROM rollouts r CROSS JOIN turns t ON t.rollout = r.seq CROSS JOIN bodies b ON b.id = t.completion
    WHERE {OF_PAGE} ORDER BY r.task, r.repeat, t.seq"""

BY_ID = f"""{TURN}
    FROM json_each(?) j CROSS JOIN turns t ON t.id = j.value
    CROSS JOIN rollouts r ON r.seq = t.rollout CROSS JOIN bodies b ON b.id = t.completion"""

CANDIDATES = f"""SELECT c.id, c.text, c.parents, c.turn_id, c.round
    FROM rollouts r CROSS JOIN candidates c ON c.rollout = r.seq
    WHERE {OF_PAGE} ORDER BY r.task, r.repeat, c.seq"""

WRITTEN = f"""SELECT c.turn_id, c.id FROM rollouts r CROSS JOIN candidates c ON c.rollout = r.seq
    WHERE {OF_PAGE} ORDER BY r.task, r.repeat, c.seq"""

SCORES = f"""SELECT s.subject_id, s.name, s.value, s.passed, s.steps, s.feedback
    FROM rollouts r CROSS JOIN scores s ON s.rollout = r.seq
    WHERE {OF_PAGE}{UNTAUGHT} ORDER BY r.task, r.repeat, s.given, s.seq"""
"""The latest of a name comes last. Rows of merged runs stand in another order than that of time; scores of
unknown time are the oldest."""

SCORES_ALONE = SCORES.replace("s.steps, s.feedback", "NULL, NULL")

SPEAKERS = "SELECT id, role, node, model, policy, author, tools FROM speakers WHERE id > ?"

ONE = len('["0123456789abcdef0123456789abcdef"]')

Row = tuple[Any, ...]


class Needs(NamedTuple):
    """What a format reads besides turns and verdicts."""

    tokens: bool = False
    """Token ids and log-probabilities."""
    candidates: bool = False
    """Candidates, with their texts and parents."""
    steps: bool = False
    """The scores of steps, and feedback."""
    taught: bool = False
    """What was taught, and the turns that it is about."""


class Pages:
    """Reads pages; remembers who speaks."""

    def __init__(self, run_id: str, needs: Needs, rollouts: int) -> None:
        """Read pages of the run with this id, of rollouts up to this number."""
        self._run_id = run_id
        self._needs = needs
        self._rollouts = rollouts
        self._speakers: dict[int, Speaker] = {}

    def read(
        self, connection: Connection, first: int, last: int, lessons: Sequence[int] = ()
    ) -> tuple[list[Story], float]:
        """Read the tasks with these numbers; also give which part of a page they fill.

        With lessons these rollouts are read, given by number, whatever became of them.
        The connection is in a transaction, so that all queries see the run at one moment.
        """
        span: Row = (json.dumps(lessons),) if self._needs.taught else (first, last, self._rollouts)
        tasks = connection.execute(TASKS, (first, last)).fetchall()
        needs, sql = self._needs, self._sql
        rollouts = self._views(connection.execute(sql(ROLLOUTS), span))
        turns = self._turns(connection, connection.execute(sql(TURNS), span).fetchall(), rollouts)
        known = {turn.id: turn for found in turns.values() for turn in found}
        shared: dict[str, Any] = {
            "known": known | self._elsewhere(connection, known),
            "candidates": _candidates(connection, sql(CANDIDATES), span) if needs.candidates else {},
            "written": dict(reversed(connection.execute(sql(WRITTEN), span).fetchall())),
            "scores": _scores(connection, sql(SCORES if needs.steps else SCORES_ALONE), span),
        }
        ran: dict[int, list[RolloutView]] = {}
        for number, rollout in rollouts.values():
            ran.setdefault(number, []).append(rollout)
        found = [
            Story(
                number,
                value_text(id) or "",
                unpack(data),
                ran.get(number, ()),
                turns.get(number, ()),
                **shared,
            )
            for number, id, data in tasks
        ]
        said = sum(len(turn.completion) for turn in known.values())
        return found, max(len(known) / TURNS_OF_PAGE, said / CHARACTERS_OF_PAGE, 1 / TURNS_OF_PAGE)

    def _sql(self, query: str) -> str:
        taught = self._needs.taught
        return query.replace(OF_PAGE, OF_LESSONS).replace(UNTAUGHT, "") if taught else query

    def _views(self, rows: Iterable[Row]) -> dict[int, tuple[int, RolloutView]]:
        """The numbers of rollouts, each with its task's number."""
        return {row[0]: (row[1], RolloutView(row[2], row[3] or self._run_id, row[4], row[5])) for row in rows}

    def _elsewhere(self, connection: Connection, known: Mapping[str, TurnView]) -> dict[str, TurnView]:
        """The turns that lead to these from other rollouts: a branch goes on from one that may not count itself."""
        found: dict[str, TurnView] = {}
        wanted = {name for turn in known.values() for name in turn.parents} - known.keys()
        while wanted and (rows := connection.execute(BY_ID, (json.dumps(sorted(wanted)),)).fetchall()):
            numbers = json.dumps(sorted({row[1] for row in rows}))
            rollouts = self._views(connection.execute(BY_NUMBER, (numbers,)))
            rows.sort(key=lambda row: row[0])
            fresh = [turn for some in self._turns(connection, rows, rollouts).values() for turn in some]
            found |= {turn.id: turn for turn in fresh}
            wanted = {name for turn in fresh for name in turn.parents} - known.keys() - found.keys()
        return found

    def _turns(
        self, connection: Connection, rows: Sequence[Row], rollouts: Mapping[int, tuple[int, RolloutView]]
    ) -> dict[int, list[TurnView]]:
        if not rows:
            return {}
        self._meet(connection)
        (
            tasks,
            ran,
            ids,
            speakers,
            parents,
            calls,
            samples,
            asked,
            said,
            called,
            ends,
            errors,
            read,
            written,
        ) = zip(*rows, strict=True)
        prompts = Conversations(connection, {number for number in asked if number is not None})
        bodies = fetch(connection, [*prompts.bodies, *(number for number in called if number is not None)])
        known = {number: prompts.at(number, bodies) for number in set(asked)}
        tokens = _tokens(connection, read, written) if self._needs.tokens else (repeat(None),) * 3
        found = zip(
            ids,
            map({number: rollout for number, (_, rollout) in rollouts.items()}.__getitem__, ran),
            map(self._speakers.__getitem__, speakers),
            [() if names is None else _names(names) for names in parents],
            calls,
            samples,
            map(known.__getitem__, asked),
            map(_text, said),
            [() if number is None else content_of(bodies[number]) for number in called],
            map(value_text, ends),
            map(value_text, errors),
            *tokens,
            strict=False,
        )
        turns = map(partial(tuple.__new__, TurnView), found)
        return {task: list(islice(turns, count)) for task, count in Counter(tasks).items()}

    def _meet(self, connection: Connection) -> None:
        """Read the speakers that are new since the last page."""
        rows = connection.execute(SPEAKERS, (max(self._speakers, default=0),)).fetchall()
        bodies = fetch(connection, (row[6] for row in rows if row[6] is not None))
        for number, *said, tools in rows:
            role, node, model, policy, author = map(value_text, said)
            offered = () if tools is None else tuple(content_of(bodies[tools])["tools"])
            self._speakers[number] = Speaker(role or "", node, model or "", policy or "", author, offered)


def _candidates(connection: Connection, query: str, span: Row) -> dict[str, CandidateView]:
    rows = connection.execute(query, span).fetchall()
    bodies = fetch(connection, (row[1] for row in rows))
    return {
        id: CandidateView(
            id, _said(bodies[text]), () if parents is None else _names(parents), value_text(turn), round
        )
        for id, text, parents, turn, round in rows
    }


def _tokens(
    connection: Connection, read: Sequence[int | None], written: Sequence[int | None]
) -> tuple[Iterable[bytes | None], ...]:
    """Prompt ids, completion ids and log-probabilities of turns, by the sequences that were read and written."""
    sequences = Sequences(connection, {number for number in (*read, *written) if number is not None})
    return (
        [None if number is None else sequences.whole(number) for number in read],
        [None if number is None else sequences.own(number) for number in written],
        [None if number is None else sequences.logprobs(number) for number in written],
    )


def _scores(connection: Connection, query: str, span: Row) -> dict[str, Scored]:
    """Subjects by id to their scores; what is scored alike is kept once."""
    rows = connection.execute(query, span).fetchall()
    subjects = [row[0] for row in rows]
    said = [row[1:] for row in rows]
    alike = {each: _score(*each) for each in set(said)}
    alone = {each: Scored({score.name: score}) for each, score in alike.items()}
    found = dict(zip(subjects, map(alone.__getitem__, said), strict=True))
    if len(found) == len(rows):
        return found
    views: dict[str, dict[str, ScoreView]] = {}
    for subject, each in zip(subjects, said, strict=True):
        score = alike[each]
        views.setdefault(subject, {})[score.name] = score
    several = {subject: by_name for subject, by_name in views.items() if len(by_name) > 1}
    return found | {subject: Scored(by_name) for subject, by_name in several.items()}


def _score(
    name: str | bytes,
    value: float | None,
    passed: int | None,
    steps: bytes | None,
    feedback: str | bytes | None,
) -> ScoreView:
    decided = None if passed is None else passed == 1
    judged = None if steps is None else steps_of(steps)
    return ScoreView(value_text(name) or "", value, decided, judged, value_text(feedback))


def _text(data: bytes) -> str:
    return _said(unpack(data) if data[0] else data[1:])


def _said(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return bytes_text(raw)


def _names(value: str | bytes) -> tuple[str, ...]:
    if len(value) == ONE and value.__class__ is str and "\\" not in value:
        return (value[2:-2],)
    return tuple(json.loads(bytes_text(value) if isinstance(value, bytes) else value))
