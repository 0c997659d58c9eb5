from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage import Task
from tutelage.errors import UserError
from tutelage.traces import Run, Turn, merge_runs
from tutelage.traces.finding import find, row_parts, run_of_row, runs_below

Say = Callable[..., Turn]


@pytest.fixture
def turn(run: Run, task: Task, say: Say) -> Turn:
    recorder = run.begin(task)
    turn = say(recorder)
    recorder.finish("42")
    return turn


def test_whole_ids_beginnings_and_ends_are_found(run: Run, turn: Turn) -> None:
    for text in (turn.id, turn.id[-4:], turn.id[-10:], turn.id[:28], turn.id.upper()):
        assert find(run, text) == ("turn", turn.id)
    assert find(run, turn.rollout_id) == ("rollout", turn.rollout_id)
    assert find(run, f"{run.id}/{turn.id}") == ("turn", turn.id)


def test_a_task_is_found_by_its_id_or_its_beginning(run: Run, task: Task, turn: Turn) -> None:
    assert find(run, "t1") == find(run, "t") == ("task", "t1")


def test_a_task_with_a_name_like_an_id_is_the_task(run: Run, turn: Turn) -> None:
    run.begin(Task(id=turn.id[-10:], problem="?"))
    assert find(run, turn.id[-10:]) == ("task", turn.id[-10:])


def test_a_hostile_task_id_is_found(run: Run, turn: Turn) -> None:
    run.begin(Task(id="a\udcff\x00%", problem="?"))
    assert find(run, "a\udcff\x00%") == ("task", "a\udcff\x00%")


def test_a_candidate_stands_for_its_turn_or_its_rollout(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    turn = say(recorder)
    written = recorder.candidate("42", turn_id=turn.id)
    given = recorder.candidate("43")
    assert find(run, written.id) == ("turn", turn.id)
    assert find(run, given.id) == ("rollout", recorder.rollout.id)


@pytest.mark.parametrize(("text", "said"), [("zz", "begins or ends"), ("0", "several"), ("", "several")])
def test_what_is_nothing_or_several_things_is_refused(run: Run, turn: Turn, text: str, said: str) -> None:
    run.begin(Task(id="another", problem="?"))
    with pytest.raises(UserError, match=said):
        find(run, text)


def test_runs_are_found_below_a_directory(tmp_path: Path, directory: Path, run: Run, turn: Turn) -> None:
    run.copy(tmp_path / "copies" / "packed.sqlite")
    for name in (".hidden/run.sqlite", "runs/first/run.v1.sqlite", "runs/other.sqlite"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"SQLite format 3\0")
    assert list(runs_below(tmp_path)) == [tmp_path / "copies" / "packed.sqlite", directory]
    assert list(runs_below(directory)) == [directory]
    assert list(runs_below(tmp_path / "nowhere")) == []


def test_the_run_of_a_row_is_found_also_after_a_merge(
    tmp_path: Path, directory: Path, run: Run, turn: Turn
) -> None:
    row = f"{run.id}/{turn.id}"
    assert row_parts(row) == (run.id, turn.id)
    assert run_of_row(row, tmp_path) == directory
    merged = tmp_path / "merged" / "all"
    merge_runs([directory], merged).close()
    assert run_of_row(row, tmp_path) == directory
    assert run_of_row(row, tmp_path / "merged") == merged
    assert find(Run.open(merged), row) == ("turn", turn.id)


def test_a_row_of_no_run_is_refused(tmp_path: Path, run: Run) -> None:
    with pytest.raises(UserError, match="--in DIRECTORY"):
        run_of_row(f"{'0' * 32}/{'0' * 32}", tmp_path)
    with pytest.raises(UserError, match="no row_id"):
        run_of_row("runs/first", tmp_path)
