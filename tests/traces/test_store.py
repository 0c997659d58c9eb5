import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tutelage import Task
from tutelage.errors import StoreError, UserError
from tutelage.traces import Run, Store, Turn

Say = Callable[..., Turn]

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run as a user whom permissions bind, even when the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shut() -> Iterator[Path]:
    """A directory that anyone may enter and nobody may write."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o555)
        yield path
        path.chmod(0o755)


def one_sentence(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_closed_run_is_one_file(directory: Path, task: Task, say: Say) -> None:
    with Store.open(directory).start_run({}) as run, Run.open(directory) as reader:
        say(run.begin(task))
        assert len(reader.turns()) == 1
    assert [path.name for path in directory.iterdir()] == ["run.sqlite"]
    with Run.open(directory) as reader:
        assert reader.path == directory
    assert [path.name for path in directory.iterdir()] == ["run.sqlite"]


def test_the_same_settings_continue_the_run(directory: Path, task: Task) -> None:
    settings = {"samples": 8, "sampling": {"temperature": 0.7, "stop": ("a",)}}
    with Store.open(directory).start_run(settings) as run:
        name = run.id
        run.begin(task).finish()
    with Store.open(str(directory)).start_run(settings) as run:
        assert (run.id, run.name) == (name, "first")
        assert run.finished() == {("t1", 0)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 8, "sampling": {"temperature": 1.0}}, "'sampling.temperature' is 1.0, but"),
        ({"samples": 8}, "'sampling' is missing, but"),
        ({"samples": 8, "sampling": {"temperature": 0.7}, "rounds": 3}, "'rounds' is 3, but"),
        ({"samples": "8", "sampling": {"temperature": 0.7}}, "'samples' is \"8\", but"),
    ],
)
def test_other_settings_are_refused_by_name(
    directory: Path, task: Task, settings: dict[str, object], message: str
) -> None:
    with Store.open(directory) as store:
        store.start_run({"samples": 8, "sampling": {"temperature": 0.7}}).begin(task)
        with pytest.raises(UserError) as caught:
            store.start_run(settings)
    assert message in one_sentence(caught)


def test_settings_that_are_not_plain_data_are_refused(directory: Path) -> None:
    with (
        Store.open(directory) as store,
        pytest.raises(UserError, match="settings of a run cannot be recorded"),
    ):
        store.start_run({"model": object()})


def test_a_second_writer_is_refused_and_the_first_goes_on(run: Run, task: Task) -> None:
    assert run.path is not None
    with pytest.raises(StoreError) as caught:
        Store.open(run.path)
    assert "is being written by another process" in one_sentence(caught)
    run.begin(task).finish()
    run.close()
    with Store.open(run.path).run() as again:
        assert again.finished() == {("t1", 0)}


def test_a_writer_that_is_forgotten_holds_nothing(directory: Path) -> None:
    Store.open(directory).start_run({})
    Store.open(directory).close()


def test_a_released_run_can_be_read_and_written_by_another(run: Run, task: Task) -> None:
    assert run.path is not None
    run.release()
    with Store.open(run.path).run() as other:
        other.begin(task).finish()
        assert run.finished() == {("t1", 0)}
    with pytest.raises(StoreError, match="open for reading only"):
        run.begin(task, 1)


def test_what_was_left_running_is_abandoned_by_the_next_writer(directory: Path, task: Task, say: Say) -> None:
    with Store.open(directory).start_run({}) as run:
        turn = say(run.begin(task))
    with Run.open(directory) as run:
        assert [rollout.status for rollout in run.rollouts()] == ["running"]
    with Store.open(directory).start_run({}) as run:
        (rollout,) = run.rollouts("abandoned")
        assert rollout.error == "its process ended before it did"
        assert run.turns(rollout.id) == [turn]
        run.begin(task).finish()


def test_a_closed_run_says_so(run: Run, task: Task) -> None:
    recorder = run.begin(task)
    run.close()
    run.close()
    for late in (run.turns, recorder.finish):
        with pytest.raises(StoreError, match="is closed"):
            late()


def test_reading_what_is_not_there_says_so_and_makes_nothing(tmp_path: Path) -> None:
    for opening in (
        lambda: Run.open(tmp_path / "none"),
        lambda: Store.open(tmp_path / "none", create=False),
        lambda: Store.open(tmp_path / "none", read_only=True),
    ):
        with pytest.raises(StoreError, match=r"no run is recorded in .*none"):
            opening()
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_a_run_says_so(directory: Path) -> None:
    Store.open(directory).close()
    with pytest.raises(StoreError, match="no run was started in"):
        Run.open(directory)


def test_a_file_left_empty_by_a_crash_is_started_anew(directory: Path, task: Task) -> None:
    directory.mkdir(parents=True)
    (directory / "run.sqlite").touch()
    with pytest.raises(StoreError, match="holds no run"):
        Run.open(directory)
    with Store.open(directory).start_run({}) as run:
        run.begin(task).finish()


def test_a_file_in_the_way_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file; only reading is possible there"):
        Store.open(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot be made: Not a directory"):
        Store.open(tmp_path / "file" / "run")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_says_so_and_stays(directory: Path, read_only: bool) -> None:
    directory.mkdir(parents=True)
    file = directory / "run.sqlite"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError) as caught:
        Store.open(directory, read_only=read_only)
    assert "run.sqlite is not a database" in one_sentence(caught)
    assert file.read_bytes() == b"not a database at all" * 100


@pytest.mark.parametrize("read_only", [False, True])
def test_the_database_of_another_program_says_so_and_stays(directory: Path, read_only: bool) -> None:
    directory.mkdir(parents=True)
    file = directory / "run.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE birds (name)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreError) as caught:
        Store.open(directory, read_only=read_only)
    assert "belongs to another program" in one_sentence(caught)
    assert file.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_says_so(directory: Path, read_only: bool) -> None:
    Store.open(directory).close()
    connection = sqlite3.connect(directory / "run.sqlite")
    with connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(StoreError) as caught:
        Store.open(directory, read_only=read_only)
    assert "was written by a newer version (its schema is 99" in one_sentence(caught)


def test_a_damaged_file_says_so(directory: Path, task: Task, say: Say) -> None:
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        for number in range(300):
            say(recorder, str(number) * 100)
    with (directory / "run.sqlite").open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 60 * 4096)
    with pytest.raises(StoreError) as caught, Run.open(directory) as run:
        run.turns()
    assert "run.sqlite is damaged" in one_sentence(caught)


def test_a_directory_that_may_not_be_written_says_so(shut: Path) -> None:
    with unprivileged():
        with pytest.raises(StoreError, match="cannot be made: Permission denied"):
            Store.open(shut / "run")
        with pytest.raises(StoreError, match="cannot be opened; check"):
            Store.open(shut)


def test_a_run_in_a_directory_that_may_not_be_written_can_be_read(shut: Path, task: Task, say: Say) -> None:
    shut.chmod(0o755)
    with Store.open(shut).start_run({}) as run:
        turn = say(run.begin(task))
    (shut / "run.sqlite").chmod(0o444)
    shut.chmod(0o555)
    with unprivileged():
        with Run.open(shut) as run:
            assert run.turns() == [turn]
        with pytest.raises(StoreError) as caught:
            Store.open(shut)
    assert "it is read-only" in one_sentence(caught)


def test_a_full_disk_says_so_and_loses_nothing_that_was_recorded(
    directory: Path, task: Task, say: Say
) -> None:
    kept = []
    with Store.open(directory, max_bytes=400_000).start_run({}) as run:
        recorder = run.begin(task)
        with pytest.raises(StoreError) as caught:
            for _ in range(10_000):
                kept.append(say(recorder, os.urandom(1000).hex()))
        assert 20 < len(kept) < 1000
        assert "the disk is full" in one_sentence(caught)
        assert run.turns() == kept
        with pytest.raises(StoreError, match="the disk is full"):
            say(recorder, os.urandom(100_000).hex())
    assert (directory / "run.sqlite").stat().st_size <= 400_000
    with Store.open(directory).start_run({}) as run:
        assert run.turns(recorder.rollout.id) == kept
        recorder = run.begin(task)
        say(recorder)
        recorder.finish()
        assert run.finished() == {("t1", 0)}


def test_what_is_said_again_costs_next_to_nothing(directory: Path, task: Task, say: Say) -> None:
    prompt = "".join(os.urandom(50_000).hex())
    ids = list(range(0, 2_000_000, 400))
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        for _ in range(100):
            say(recorder, prompt, messages=[{"role": "user", "content": prompt}], prompt_token_ids=ids)
    assert (directory / "run.sqlite").stat().st_size < 300_000


def test_a_start_that_is_refused_changes_nothing(directory: Path, task: Task, say: Say) -> None:
    with Store.open(directory).start_run({"samples": 8}) as run:
        say(run.begin(task))
    with pytest.raises(UserError, match="setting 'samples' is 4"), Store.open(directory) as store:
        store.start_run({"samples": 4})
    with Run.open(directory) as run:
        assert [each.status for each in run.rollouts()] == ["running"]
    with Store.open(directory).start_run({"samples": 8}) as run:
        assert [each.status for each in run.rollouts("abandoned")] == ["abandoned"]


def test_a_run_without_rollouts_takes_other_settings(directory: Path, task: Task) -> None:
    Store.open(directory).start_run({"samples": 8}).close()
    with Store.open(directory).start_run({"samples": 4}) as run:
        run.begin(task).finish()
    with Run.open(directory) as run:
        assert run.settings == {"samples": 4}


def test_what_is_asked_of_no_rollout_says_so(directory: Path, task: Task) -> None:
    with Store.open(directory).start_run({}) as run:
        run.begin(task).finish()
        for look in (run.turns, run.candidates, run.scores, run.graph, run.branches):
            with pytest.raises(UserError, match="has no rollout 'zz'"):
                list(look("zz"))
        with pytest.raises(UserError, match="status is one of running, done"):
            run.rollouts("finished")  # type: ignore[arg-type]
