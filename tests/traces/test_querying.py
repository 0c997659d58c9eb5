import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tutelage import Task
from tutelage.errors import UserError
from tutelage.traces import Run, Turn
from tutelage.traces.querying import query, relations
from tutelage.types import Score

Say = Callable[..., Turn]
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "


@pytest.fixture
def reader(directory: Path, run: Run, task: Task, say: Say) -> Iterator[Run]:
    recorder = run.begin(task)
    turn = say(recorder, "an answer", parents=["x"], completion_token_ids=[1, 2], error="e")
    recorder.candidate("an answer", answer="42", turn_id=turn.id)
    for value in (0.0, 1.0):
        recorder.score(Score(name="exact", value=value, passed=value == 1))
    recorder.score(Score(name="verdict", value=1, passed=None), subject="turn", subject_id=turn.id)
    recorder.finish("42", {"solution": "an answer"})
    again = run.begin(Task(id="t2", problem="?"))
    say(again, "abandoned")
    again.score(Score(name="exact", value=0, passed=False))
    again.abandon("interrupted")
    with Run.open(directory) as reader:
        yield reader


def ask(run: Run, sql: str, timeout: float | None = None) -> list[tuple[Any, ...]]:
    with query(run, sql, timeout) as found:
        return list(found.rows)


def test_the_views_follow_references_and_show_texts(reader: Run, task: Task) -> None:
    sql = "SELECT task, role, policy, asked, completion, completion_tokens, prompt_tokens, error, verdict FROM turn"
    assert ask(reader, sql) == [
        ("t1", "solver", "0123456789abcdef", task.problem, "an answer", 2, None, "e", "none")
    ]
    assert ask(reader, "SELECT task, answer, text FROM candidate") == [("t1", "42", "an answer")]
    assert ask(reader, "SELECT task, status, turns, output ->> 'solution' FROM rollout") == [
        ("t1", "done", 1, "an answer")
    ]
    assert ask(reader, "SELECT id, problem, reference, metadata ->> 'source' FROM task") == [
        ("t1", task.problem, "42", "a book"),
        ("t2", "?", None, None),
    ]


def test_of_the_scores_of_one_name_the_view_has_the_latest(reader: Run) -> None:
    sql = "SELECT subject, name, value, passed FROM score ORDER BY name"
    assert ask(reader, sql) == [("rollout", "exact", 1.0, 1), ("turn", "verdict", 1.0, None)]
    assert ask(reader, "SELECT count(*) FROM scores") == [(4,)]


def test_the_tables_can_be_asked_with_their_contents(reader: Run) -> None:
    sql = "SELECT content(b.data) FROM turns t JOIN bodies b ON b.id = t.completion ORDER BY t.seq"
    assert ask(reader, sql) == [("an answer",), ("abandoned",)]


def test_functions_that_are_tables_can_be_asked(reader: Run) -> None:
    assert ask(reader, "SELECT j.value FROM turn t, json_each(t.parents) j") == [("x",)]
    assert ask(reader, "SELECT name FROM pragma_table_list WHERE name = 'turns'") == [("turns",)]
    assert ("completion",) in ask(reader, "SELECT name FROM pragma_table_info('turn')")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM turns",
        "UPDATE rollouts SET status = 'done'",
        "INSERT INTO schema_version VALUES (3)",
        "DROP TABLE turns",
        "CREATE TABLE a (b)",
        "CREATE TEMP TABLE a (b)",
        "ATTACH ':memory:' AS other",
        "VACUUM INTO 'copy.sqlite'",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "BEGIN",
        "REINDEX",
        "SELECT load_extension('x')",
        "WITH a AS (SELECT 1) DELETE FROM turns",
        "SELECT 1; DELETE FROM turns",
        "SELECT\0 1",
        "",
        "-- nothing",
        "nonsense",
        "SELECT zeroblob(3000000000)",
    ],
)
def test_what_does_not_read_is_refused(reader: Run, sql: str) -> None:
    with pytest.raises(UserError):
        ask(reader, sql)
    assert ask(reader, "SELECT count(*) FROM turns") == [(2,)]


def test_a_run_that_is_being_written_can_be_asked_and_written_again(run: Run, task: Task) -> None:
    assert ask(run, "SELECT count(*) FROM rollout") == [(0,)]
    with pytest.raises(UserError):
        ask(run, "DELETE FROM rollouts")
    run.begin(task).finish()
    assert ask(run, "SELECT count(*) FROM rollout") == [(1,)]


def test_only_the_time_of_sqlite_counts(reader: Run) -> None:
    with query(reader, f"{ENDLESS} SELECT x FROM n LIMIT 500", 5.0) as found:
        rows = 0
        for rows, _ in enumerate(found.rows, 1):
            if rows == 1:
                time.sleep(0.2)
    assert rows == 500
    started = time.monotonic()
    for sql in (f"{ENDLESS} SELECT count(*) FROM n", f"{ENDLESS} SELECT x FROM n WHERE x < 0"):
        with pytest.raises(UserError, match=r"longer than 0\.1 s"):
            ask(reader, sql, 0.1)
    assert time.monotonic() - started < 5


def test_an_interrupt_ends_a_statement(reader: Run) -> None:
    timer = threading.Timer(0.2, lambda: __import__("_thread").interrupt_main())
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ask(reader, f"{ENDLESS} SELECT count(*) FROM n")
    assert ask(reader, "SELECT 1") == [(1,)]


def test_relations_are_named_with_their_columns(reader: Run) -> None:
    found = {each.name: each for each in relations(reader)}
    assert found["turn"].kind == "view"
    assert {"role", "node", "policy", "task", "completion", "verdict"} <= set(found["turn"].columns)
    assert found["turns"].kind == "table"
    assert list(found)[:5] == ["candidate", "rollout", "score", "task", "turn"]
