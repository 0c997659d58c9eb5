import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tutelage.errors import StoreError
from tutelage.traces.session_log import SESSION_FILE, SessionLog

TEXT = st.text(st.characters(codec=None) | st.sampled_from("\ud800\udfff\0\x1b"), max_size=12)


@pytest.fixture
def log(tmp_path: Path) -> SessionLog:
    return SessionLog.open(tmp_path)


def test_a_new_log_has_not_begun_and_begins_once(tmp_path: Path, log: SessionLog) -> None:
    assert log.begun() is None
    log.begin({"task": "\ud800"}, b"input\0")
    assert log.begun() == ({"task": "\ud800"}, b"input\0")
    log.close()
    again = SessionLog.open(tmp_path)
    assert again.begun() == ({"task": "\ud800"}, b"input\0")
    again.close()


def test_events_are_read_with_those_that_a_branch_shares(log: SessionLog) -> None:
    main = log.branch("main", "r1")
    first, second, third = (log.append(main.id, "begin", str(at), {"at": at}) for at in range(3))
    child = log.branch("child", "r2", parent=main.id, upto=second.seq)
    own = log.append(child.id, "end", "1", {})
    log.append(main.id, "end", "2", {})
    assert [each.seq for each in log.path(child)] == [first.seq, second.seq, own.seq]
    early = log.branch("early", "r3", parent=child.id, upto=first.seq)
    assert [each.seq for each in log.path(early)] == [first.seq]
    late = log.branch("late", "r4", parent=child.id, upto=own.seq)
    assert [each.seq for each in log.path(late)] == [first.seq, second.seq, own.seq]
    assert third.seq in [each.seq for each in log.path(main)]


def test_a_branch_is_made_with_its_first_events_and_contents_or_not_at_all(log: SessionLog) -> None:
    main = log.branch("main", "r1")
    name = log.name_of(b"value")
    made = log.branch(
        "fork", "r2", parent=main.id, events=[("edit", "1", {"value": name.hex()})], contents={name: b"value"}
    )
    assert [(each.kind, each.branch) for each in log.path(made)] == [("edit", made.id)]
    assert log.content(name) == b"value"
    other = log.name_of(b"other")
    with pytest.raises((sqlite3.Error, StoreError)):
        log.branch("fork", "r3", events=[("edit", "1", {})], contents={other: b"other"})
    assert [each.name for each in log.branches()] == ["main", "fork"]
    with pytest.raises(StoreError, match="damaged"):
        log.content(other)


def test_names_outcomes_and_drops_are_kept(tmp_path: Path, log: SessionLog) -> None:
    main = log.branch("main", "r1")
    log.rename(main.id, "\udfff trunk")
    log.end(main.id, {"status": "done"})
    log.drop(main.id)
    log.close()
    (known,) = SessionLog.open(tmp_path).branches()
    assert (known.name, known.outcome, known.dropped) == ("\udfff trunk", {"status": "done"}, True)


def test_breakpoints_are_kept_exactly_as_given_last(log: SessionLog) -> None:
    log.keep_breakpoints({1: {"node": "a"}, 3: {"node": "c"}})
    log.keep_breakpoints({3: {"node": "\ud800"}})
    assert log.breakpoints() == [{"node": "\ud800"}]


@given(
    TEXT,
    TEXT,
    st.dictionaries(TEXT, TEXT | st.integers(-9, 9) | st.none(), max_size=3),
    st.binary(max_size=99),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, kind: str, key: str, data: dict[str, object], raw: bytes
) -> None:
    log = SessionLog.open(None)
    main = log.branch("main", "r1")
    name = log.name_of(raw)
    log.append(main.id, "edit", key, data, {name: raw})
    (event,) = log.path(main)
    assert (event.key, event.data, log.content(name)) == (key, data, raw)
    log.close()


def test_equal_contents_are_kept_once(tmp_path: Path, log: SessionLog) -> None:
    main = log.branch("main", "r1")
    raw = bytes(range(256)) * 4000
    for at in range(5):
        log.append(main.id, "begin", str(at), {}, {log.name_of(raw): raw})
    log.close()
    assert (tmp_path / SESSION_FILE).stat().st_size < len(raw)


def test_a_log_of_a_newer_version_is_refused(tmp_path: Path, log: SessionLog) -> None:
    log.begin({}, None)
    log.close()
    with sqlite3.connect(tmp_path / SESSION_FILE) as connection:
        connection.execute("UPDATE session SET version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        SessionLog.open(tmp_path)


@pytest.mark.parametrize("raw", [b"no database at all, but long enough to be looked at" * 20])
def test_what_is_no_log_is_refused_in_one_sentence(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / SESSION_FILE).write_bytes(raw)
    with pytest.raises(StoreError) as told:
        SessionLog.open(tmp_path)
    assert SESSION_FILE in str(told.value)
