import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def test_sql_gives_a_table_or_lines_of_json(tutelage: Command, recorded: Any) -> None:
    statement = "SELECT role, count(*) AS turns FROM turn WHERE task = 'sum-0' GROUP BY role ORDER BY role"
    assert tutelage("sql", recorded.path, statement)[1].splitlines() == [
        "role      turns",
        "refiner   1",
        "reviewer  2",
        "solver    2",
    ]
    rows = tutelage("sql", recorded.path, statement, "--json")[1].splitlines()
    assert json.loads(rows[0]) == {"role": "refiner", "turns": 1}


def test_sql_lists_views_and_tables(tutelage: Command, recorded: Any) -> None:
    out = tutelage("sql", recorded.path, "--tables")[1]
    for name in ("task", "rollout", "turn", "candidate", "score", "turns", "bodies"):
        assert any(line.split()[0] == name for line in out.splitlines())
    found = [
        json.loads(line) for line in tutelage("sql", recorded.path, "--tables", "--json")[1].splitlines()
    ]
    assert found[0]["kind"] == "view"


def test_sql_reads_standard_input(
    tutelage: Command, recorded: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "statement.sql").write_text("SELECT 1 AS one", "utf-8")
    with (tmp_path / "statement.sql").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert tutelage("sql", recorded.path, "-")[1] == "one\n1\n"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT", "SQL: "),
        ("SELECT * FROM nowhere", "no such table"),
        ("DELETE FROM turns", "DELETE is refused"),
        ("ATTACH 'other.sqlite' AS other", "ATTACH is refused"),
        ("PRAGMA query_only = OFF", "PRAGMA is refused"),
    ],
)
def test_a_statement_that_does_not_read_is_one_sentence(
    tutelage: Command, sentence: Sentence, recorded: Any, statement: str, said: str
) -> None:
    before = Path(recorded.path, "run.sqlite").read_bytes()
    assert said in sentence(tutelage("sql", recorded.path, statement))
    assert Path(recorded.path, "run.sqlite").read_bytes() == before


def test_a_statement_has_its_time(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    assert "longer than 0.2 s" in sentence(tutelage("sql", recorded.path, endless, "--timeout", "0.2"))


def test_what_is_missing_and_what_is_bytes_can_be_told(tutelage: Command, recorded: Any) -> None:
    statement = "SELECT NULL AS a, x'00ff' AS b, 9e999 AS c"
    assert tutelage("sql", recorded.path, statement)[1].split() == ["a", "b", "c", "NULL", "x'00ff'", "inf"]
    found = json.loads(tutelage("sql", recorded.path, statement, "--json")[1])
    assert found == {"a": None, "b": "x'00ff'", "c": None}


def test_sql_wants_a_statement(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    assert "--tables" in sentence(tutelage("sql", recorded.path))
