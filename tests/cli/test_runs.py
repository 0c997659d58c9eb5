import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def test_runs_are_listed_with_what_became_of_them(tutelage: Command, recorded: Any) -> None:
    code, out, err = tutelage("runs")
    assert (code, err) == (0, "")
    header, row = out.splitlines()
    assert header.split()[:4] == ["run", "begun", "tasks", "done"]
    assert row.startswith("runs/first")
    assert "100.0 % (20.7 to 100.0) exact" in row
    found = json.loads(tutelage("runs", "--json")[1])
    assert (found["path"], found["id"], found["policies"]) == ("runs/first", recorded.id, ["p1", "p2"])
    assert found["rollouts"] == {"done": 1, "failed": 1, "running": 0, "abandoned": 1}


def test_a_run_that_cannot_be_read_is_named_and_stops_nothing(tutelage: Command, recorded: Any) -> None:
    Path("runs/broken").mkdir()
    Path("runs/broken/run.sqlite").write_bytes(b"no database" * 100)
    old = Path(__file__).parent.parent / "traces" / "schema_1" / "run.sqlite"
    Path("runs/old").mkdir()
    Path("runs/old/run.sqlite").write_bytes(old.read_bytes())
    code, out, err = tutelage("runs")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert "'runs/broken': run.sqlite is not a database" in err
    assert "tutelage upgrade runs/old" in err
    assert [json.loads(line).get("error") is None for line in tutelage("runs", "--json")[1].splitlines()] == [
        True,
        False,
        False,
    ]


def test_copies_in_one_file_are_listed_and_what_an_upgrade_left_is_not(
    tutelage: Command, recorded: Any
) -> None:
    tutelage("copy", recorded.path, "runs/packed.sqlite")
    Path("runs/first/run.v1.sqlite").write_bytes(b"")
    Path("runs/other.sqlite").write_bytes(b"SQLite format 3\0")
    out = tutelage("runs")[1]
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["runs/packed.sqlite", "runs/first"]


def test_no_runs_are_said(tutelage: Command, sentence: Sentence) -> None:
    assert "no directory 'runs'" in sentence(tutelage("runs"))
    assert tutelage("runs", ".") == (1, "", "tutelage: there are no runs in or below '.'\n")
