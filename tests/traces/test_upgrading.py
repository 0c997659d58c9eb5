import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import StoreError
from tutelage.traces import Run, Store, upgrade_run

OLD = Path(__file__).parent / "schema_1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    directory = tmp_path / "first"
    directory.mkdir()
    shutil.copy(OLD / "run.sqlite", directory / "run.sqlite")
    return directory


@pytest.fixture
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OLD / "expected.json").read_text("utf-8"))
    return found


def as_schema_1(record: dict[str, Any]) -> dict[str, Any]:
    """A record of today with what schema 1 had, and where it had it."""
    added = ("samples", "tools", "tool_choice", "author", "given")
    plain = {key: value for key, value in record.items() if key not in added}
    calls = plain.pop("tool_calls", ())
    if calls:
        plain["metadata"] = {**plain["metadata"], "tool_calls": calls}
    return plain


def plain(records: list[Any]) -> Any:
    found = [as_schema_1(json.loads(json.dumps(each.model_dump()))) for each in records]
    return json.loads(json.dumps(sorted(found, key=str)))


def same(records: list[Any], expected: list[Any]) -> bool:
    return bool(repr(plain(records)) == repr(sorted(json.loads(json.dumps(expected)), key=str)))


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_an_old_run_says_how_to_make_it_new(old: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"its schema is 1, now it is 2.*tutelage upgrade"):
            Store.open(old, read_only=read_only)


def test_an_upgraded_run_says_all_that_the_old_one_said(old: Path, expected: dict[str, Any]) -> None:
    assert upgrade_run(old) == old / "run.v1.sqlite"
    with Run.open(old) as run:
        assert (run.id, run.name, run.settings) == (expected["id"], expected["name"], expected["settings"])
        abandoned = run.rollouts("abandoned")
        assert same([*run.rollouts(), *abandoned], expected["rollouts"])
        gone = [each.id for each in abandoned]
        assert same([*run.turns(), *(t for id in gone for t in run.turns(id))], expected["turns"])
        assert same(
            [*run.candidates(), *(c for id in gone for c in run.candidates(id))], expected["candidates"]
        )
        assert same(run.scores(), expected["scores"])
        assert {turn.samples for turn in run.turns(role="solver")} == {2}


def test_the_old_file_stays_and_nothing_else(old: Path) -> None:
    before = dump(old / "run.sqlite")
    upgrade_run(old)
    assert sorted(path.name for path in old.iterdir()) == ["run.sqlite", "run.v1.sqlite"]
    assert dump(old / "run.v1.sqlite") == before


def test_a_run_that_somebody_reads_is_not_upgraded_and_stays(old: Path) -> None:
    with closing(sqlite3.connect(old / "run.sqlite")) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE run SET name = 'only in the log'")
        writer.commit()
        before = dump(old / "run.sqlite")
        with pytest.raises(StoreError, match="is open elsewhere, maybe for reading"):
            upgrade_run(old)
        assert dump(old / "run.sqlite") == before
    upgrade_run(old)
    with Run.open(old) as run:
        assert run.name == "only in the log"


def test_an_upgraded_run_can_be_continued(old: Path, expected: dict[str, Any]) -> None:
    upgrade_run(old)
    with Store.open(old) as store:
        run = store.start_run(expected["settings"])
        assert len(run.finished()) == 5


def test_a_new_run_stays_as_it_is(tmp_path: Path) -> None:
    Store.open(tmp_path / "new").close()
    before = (tmp_path / "new" / "run.sqlite").read_bytes()
    assert upgrade_run(tmp_path / "new") == tmp_path / "new" / "run.sqlite"
    assert (tmp_path / "new" / "run.sqlite").read_bytes() == before


def test_a_run_that_is_written_is_not_upgraded(tmp_path: Path) -> None:
    with Store.open(tmp_path / "new"), pytest.raises(StoreError, match="being written"):
        upgrade_run(tmp_path / "new")


def test_a_place_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run is recorded"):
        upgrade_run(tmp_path)
