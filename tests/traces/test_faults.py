"""What the world does to a run; docs/reliability.md has these tests as a table.

Disks are filled and made read-only for real where the tests may mount file systems (the report's `level` says which);
that every single write of SQLite's may be refused is tried everywhere, by refused_writes.py.
"""

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tutelage import Score, Task
from tutelage.errors import StoreError, TutelageError
from tutelage.traces import RolloutRecorder, Run, Store, Turn, merge_runs

Say = Callable[..., Turn]

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NOBODY = 65534
BALLAST = 300_000


@dataclass(frozen=True)
class Disk:
    """A small file system with ballast on it; where none may be mounted, a directory and a limit."""

    path: Path
    mounted: bool

    @property
    def limit(self) -> int | None:
        return None if self.mounted else 400_000

    def space(self) -> None:
        """Throw the ballast away."""
        (self.path / "ballast").unlink()

    def remount(self, mode: str) -> None:
        if self.mounted:
            mount("-o", f"remount,{mode}", self.path)
        else:
            for path in (*self.path.rglob("*"), self.path):
                path.chmod({"ro": 0o555, "rw": 0o755}[mode])


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as folder:
        path, image = Path(folder) / "disk", Path(folder) / "image"
        path.mkdir()
        Path(folder).chmod(0o755)
        try:
            if request.param == "ext4":
                image.write_bytes(bytes(8 << 20))
                subprocess.run(["mkfs.ext4", "-q", "-b", "4096", image], check=True, capture_output=True)
                mount("-o", "loop", image, path)
            else:
                mount("-t", "tmpfs", "-o", "size=1m", "none", path)
            level, mounted = f"a real {request.param}", True
        except (OSError, subprocess.CalledProcessError):
            level, mounted = "no file system may be mounted here: limits and permissions", False
        request.node.user_properties.append(("level", level))
        (path / "ballast").write_bytes(bytes(BALLAST))
        try:
            yield Disk(path, mounted)
        finally:
            if mounted:
                subprocess.run(["umount", path], check=True)


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


def one_sentence(error: pytest.ExceptionInfo[TutelageError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def sound(directory: Path) -> bool:
    """Whether SQLite finds no damage."""
    connection = sqlite3.connect(directory / "run.sqlite")
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


def fill(run: Run, task: Task, say: Say) -> tuple[RolloutRecorder, list[Turn]]:
    """Record until the disk is full; what was acknowledged."""
    recorder = run.begin(task)
    kept: list[Turn] = []
    with pytest.raises(StoreError) as caught:
        for _ in range(10_000):
            kept.append(say(recorder, os.urandom(2000).hex()))
    assert "the disk is full" in one_sentence(caught)
    assert len(kept) > 5
    return recorder, kept


def killed_writer(directory: Path, turns: int) -> None:
    """A process that records into an open rollout and is killed; its log stays behind."""
    code = (
        "import os, sys, time; from tutelage import Sampling, Task; from tutelage.traces import Store;"
        "recorder = Store.open(sys.argv[1]).start_run({}).begin(Task(id='t1', problem='p'));"
        "[recorder.turn(role='solver', messages=(), completion=str(at), sampling=Sampling(), model='m', policy='p',"
        f" started=time.time(), seconds=0.0) for at in range({turns})]; os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code, str(directory)])
    assert done.returncode == -signal.SIGKILL


def test_a_full_disk_keeps_what_was_acknowledged_and_lets_it_be_read(
    disk: Disk, task: Task, say: Say
) -> None:
    directory = disk.path / "run"
    run = Store.open(directory, max_bytes=disk.limit).start_run({})
    recorder, kept = fill(run, task, say)
    with Run.open(directory) as reader:
        assert reader.turns() == run.turns() == kept
    run.close()
    with Run.open(directory) as reader:
        assert reader.turns(recorder.rollout.id) == kept


def test_a_recorder_goes_on_once_a_full_disk_has_space_again(disk: Disk, task: Task, say: Say) -> None:
    directory = disk.path / "run"
    with Store.open(directory, max_bytes=disk.limit).start_run({}) as run:
        recorder, kept = fill(run, task, say)
        disk.space()
        if disk.mounted:
            kept += [say(recorder, str(at)) for at in range(5)]
            recorder.finish()
        assert run.turns() == kept
    with Store.open(directory).start_run({}) as run:
        assert run.turns(recorder.rollout.id) == kept
        if not disk.mounted:
            run.begin(task).finish()
        assert run.finished() == {("t1", 0)}
    assert sound(directory)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "length"), [("ENOSPC", 1), ("EIO", 1), ("EIO", 3), ("EROFS", 3)])
def test_any_write_may_be_refused_and_the_same_recorder_goes_on(name: str, length: int) -> None:
    command = [sys.executable, "-P", str(HERE / "refused_writes.py"), name, str(length)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "not possible here" or int(done.stdout) > 100


def test_a_read_only_file_system_says_so_and_is_read(disk: Disk, task: Task, say: Say) -> None:
    directory = disk.path / "run"
    with Store.open(directory).start_run({}) as run:
        turn = say(run.begin(task))
    disk.remount("ro")
    try:
        with unprivileged():
            with Run.open(directory) as run:
                assert run.turns() == [turn]
            for place in (directory, disk.path / "new"):
                with pytest.raises(StoreError) as caught:
                    Store.open(place)
                one_sentence(caught)
    finally:
        disk.remount("rw")
    assert sound(directory)


@pytest.mark.slow
def test_a_killed_writers_run_on_a_read_only_file_system_is_read_whole_or_not_at_all(
    disk: Disk,
) -> None:
    directory = disk.path / "run"
    killed_writer(directory, 20)
    for index in (True, False):
        if not index:
            (directory / "run.sqlite-shm").unlink()
        disk.remount("ro")
        try:
            with Run.open(directory) as run:
                assert len(run.turns()) == 20
        except StoreError as error:
            assert "\n" not in str(error)
        finally:
            disk.remount("rw")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for a lock instead of ten seconds."""
    monkeypatch.setattr("tutelage.traces.database.PATIENCE", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_run_locked_by_another_program_says_so_and_goes_on_afterwards(
    directory: Path, task: Task, say: Say
) -> None:
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        kept = [say(recorder)]
        other = sqlite3.connect(directory / "run.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for late in (lambda: say(recorder), recorder.finish, lambda: run.begin(task, 1)):
            with pytest.raises(StoreError, match="another program has held") as caught:
                late()
            one_sentence(caught)
        with Run.open(directory) as reader:
            assert reader.turns() == run.turns() == kept
        other.execute("ROLLBACK")
        kept.append(say(recorder))
        recorder.finish()
        assert (run.turns(), run.finished()) == (kept, {("t1", 0)})
        other.close()


@pytest.mark.usefixtures("impatient")
def test_a_locked_run_that_is_opened_says_so(directory: Path) -> None:
    Store.open(directory).close()
    other = sqlite3.connect(directory / "run.sqlite", isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    for opening in (lambda: Store.open(directory), lambda: Run.open(directory)):
        with pytest.raises(StoreError, match="another program has held") as caught:
            opening()
        one_sentence(caught)
    other.close()
    Store.open(directory).close()


def test_a_clock_that_goes_backwards_changes_neither_order_nor_identity(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [2_000_000_000.0]

    def earlier() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", earlier)
    monkeypatch.setattr(time, "time_ns", lambda: int(earlier() * 1e9))
    for shard in range(2):
        with Store.open(tmp_path / str(shard)).start_run({}) as run:
            for number in range(3):
                recorder = run.begin(Task(id=f"t{shard}{number}", problem="p"))
                for at in range(4):
                    said = say(recorder, f"{shard}{number}{at}")
                    recorder.score(Score(name="exact", value=at), subject="turn", subject_id=said.id)
                recorder.finish()
        with Store.open(tmp_path / str(shard)).start_run({}) as run:
            assert len(run.finished()) == 3
            assert "100.0" not in run.report() and run.report()
    with merge_runs([tmp_path / "0", tmp_path / "1"], tmp_path / "both") as run:
        assert [each.task.id for each in run.rollouts()] == ["t00", "t01", "t02", "t10", "t11", "t12"]
        order = [f"{shard}{number}{at}" for shard in range(2) for number in range(3) for at in range(4)]
        assert [turn.completion for turn in run.turns()] == order
        assert len({turn.id for turn in run.turns()}) == 24


def read_all(directory: Path) -> None:
    with Run.open(directory) as run:
        run.turns(), run.candidates(), run.scores(), run.rollouts(), run.report()


def write_more(directory: Path) -> None:
    with Store.open(directory).start_run({}) as run:
        run.begin(Task(id="new", problem="p")).finish()


@pytest.fixture
def recorded(directory: Path, say: Say) -> Path:
    """A run of several kinds of rows, closed."""
    with Store.open(directory).start_run({}) as run:
        for number in range(4):
            recorder = run.begin(Task(id=f"t{number}", problem="p" * 300))
            for at in range(4):
                text = random.Random(f"{number} {at}").randbytes(400).hex()
                said = say(recorder, text, completion_token_ids=range(300), prompt_token_ids=range(50 + at))
                made = recorder.candidate(text[:500], turn_id=said.id)
                score = Score(name="steps", value=0.5, steps=(1.0, 0.0))
                recorder.score(score, subject="candidate", subject_id=made.id)
            recorder.finish("a", {"list": ["b" * 300]})
    return directory


def test_a_truncated_file_is_read_or_refused_in_one_sentence(recorded: Path) -> None:
    file = recorded / "run.sqlite"
    whole = file.read_bytes()
    for length in {0, 1, 99, 100, 4096, 8192, *range(0, len(whole), 6151), len(whole) - 1}:
        for use in (read_all, write_more):
            file.write_bytes(whole[:length])
            with pytest.raises(StoreError) as caught:
                if length:
                    use(recorded)
                raise StoreError("an empty file is a run that was not begun")
            one_sentence(caught)


@pytest.mark.parametrize("seed", range(60))
def test_a_file_with_garbage_in_it_is_read_or_refused_in_one_sentence(recorded: Path, seed: int) -> None:
    chance = random.Random(seed)
    file = recorded / "run.sqlite"
    content = bytearray(file.read_bytes())
    for _ in range(chance.choice((1, 1, 4))):
        length = chance.choice((1, 8, 100, 4096))
        place = chance.randrange(len(content) - length)
        content[place : place + length] = chance.choice((chance.randbytes(length), bytes(length)))
    for use in (read_all, write_more):
        file.write_bytes(content)
        for rest in recorded.glob("run.sqlite-*"):
            rest.unlink()
        try:
            use(recorded)
        except TutelageError as error:
            assert "\n" not in str(error)


def test_a_copy_taken_at_any_moment_holds_what_was_acknowledged_until_then(
    directory: Path, tmp_path: Path, task: Task, say: Say
) -> None:
    copy = tmp_path / "copy"
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        kept = []
        for at in range(40):
            kept.append(say(recorder, os.urandom(30_000 if at % 5 == 0 else 50).hex()))
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("*-shm"))
            assert sound(copy)
            with Run.open(copy) as reader:
                assert reader.turns() == kept


@pytest.mark.parametrize("seed", range(20))
def test_a_log_that_lost_its_end_loses_the_end_of_the_run_only(
    directory: Path, tmp_path: Path, task: Task, say: Say, seed: int
) -> None:
    chance = random.Random(seed)
    copy = tmp_path / "copy"
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        kept = [say(recorder, chance.randbytes(chance.choice((50, 20_000))).hex()) for _ in range(30)]
        shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("*-shm"))
    log = copy / "run.sqlite-wal"
    content = log.read_bytes()
    place = chance.randrange(len(content) // 2, len(content))
    rest = b"" if seed % 2 else bytes(len(content) - place)
    log.write_bytes(content[:place] + rest)
    assert sound(copy)
    with Store.open(copy).start_run({}) as run:
        found = run.turns(recorder.rollout.id)
        assert found == kept[: len(found)] and found
        run.begin(task).finish()


def test_a_deleted_log_leaves_what_was_carried_over(directory: Path, task: Task, say: Say) -> None:
    with Store.open(directory).start_run({}) as run:
        kept = [say(run.begin(task))]
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        say(recorder)
        shutil.copytree(directory, directory / "copy", ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    with Run.open(directory / "copy") as run:
        assert [turn for each in run.rollouts("running") for turn in run.turns(each.id)] == kept


@contextmanager
def no_files_left() -> Iterator[None]:
    """Use up the files that this process may open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 40, limits[1]))
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    try:
        yield
    finally:
        for handle in held:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_without_file_descriptors_a_writer_goes_on_and_opening_says_so(
    directory: Path, tmp_path: Path, task: Task, say: Say
) -> None:
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        refusals = []
        with no_files_left():
            kept = [say(recorder)]
            for opening in (
                lambda: Run.open(directory),
                lambda: Store.open(tmp_path / "new"),
                lambda: run.copy(tmp_path / "copy.sqlite"),
            ):
                try:
                    opening()
                except TutelageError as error:
                    refusals.append(str(error))
        assert len(refusals) == 3 and not any("\n" in each for each in refusals)
        kept.append(say(recorder))
        assert run.turns() == kept


@pytest.mark.parametrize("what", ["the file", "the directory"])
def test_what_nobody_may_open_says_so(say: Say, task: Task, what: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        directory = Path(folder) / "run"
        with Store.open(directory).start_run({}) as run:
            turn = say(run.begin(task))
        shut = directory / "run.sqlite" if what == "the file" else directory
        shut.chmod(0)
        with unprivileged():
            for opening in (lambda: Run.open(directory), lambda: Store.open(directory)):
                with pytest.raises(StoreError) as caught:
                    opening()
                one_sentence(caught)
        shut.chmod(0o755)
        with Run.open(directory) as run:
            assert run.turns() == [turn]


def test_after_a_run_was_deleted_moved_or_replaced_nothing_is_acknowledged(
    tmp_path: Path, task: Task, say: Say
) -> None:
    def moved(directory: Path) -> None:
        directory.rename(directory.with_name(f"{directory.name} elsewhere"))

    def replaced(directory: Path) -> None:
        shutil.copy(directory / "run.sqlite", directory / "other")
        os.replace(directory / "other", directory / "run.sqlite")

    for change in (shutil.rmtree, lambda directory: (directory / "run.sqlite").unlink(), moved, replaced):
        directory = tmp_path / "run"
        run = Store.open(directory).start_run({})
        recorder = run.begin(task)
        say(recorder)
        change(directory)
        for late in (lambda: say(recorder), recorder.finish, lambda: run.begin(task, 1)):  # noqa: B023
            with pytest.raises(StoreError, match="deleted, moved or replaced") as caught:
                late()
            one_sentence(caught)
        run.close()
        shutil.rmtree(directory, ignore_errors=True)
    with Run.open(tmp_path / "run elsewhere") as run:
        assert len(run.turns()) == 1


def test_a_change_of_the_working_directory_changes_nothing(
    tmp_path: Path, task: Task, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.open("run").start_run({}) as run:
        recorder = run.begin(task)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        kept = [say(recorder)]
        recorder.finish()
        assert run.turns() == kept
    with Run.open(tmp_path / "run") as run:
        assert run.turns() == kept


@pytest.mark.parametrize(
    "name", [b"run-\xff\xfe", b"a?mode=ro#b%41 c", b"two\nlines", "läuft".encode(), b"it's"]
)
def test_any_name_of_a_directory_will_do(tmp_path: Path, task: Task, say: Say, name: bytes) -> None:
    directory = tmp_path / os.fsdecode(name)
    with pytest.raises(StoreError) as caught:
        Run.open(directory)
    one_sentence(caught).encode()
    with Store.open(directory).start_run({}) as run:
        turn = say(run.begin(task))
        run.copy(tmp_path / os.fsdecode(name + b".sqlite"))
    assert [os.fsencode(each) for each in tmp_path.iterdir() if each.is_dir()] == [os.fsencode(directory)]
    for place in (directory, tmp_path / os.fsdecode(name + b".sqlite")):
        with Run.open(place) as run:
            assert run.turns() == [turn]
