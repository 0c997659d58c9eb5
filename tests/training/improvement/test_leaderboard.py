import json
from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.training import ImproveSettings, Interval, leaderboard, rollback
from tutelage.training.improvement.deciding import decide
from tutelage.training.improvement.leaderboard import Difference, Leaderboard, Version
from tutelage.training.improvement.monitors import Reading


def version(round: int, *, taken: bool = True, **fields: object) -> Version:
    told = {
        "round": round,
        "policy": f"{round}" * 12,
        "directory": f"round-{round}/policy",
        "accuracy": 0.4 + round / 10,
        "interval": Interval(0.3, 0.9),
        "tasks": 100,
        "taken": taken,
        **fields,
    }
    return Version.model_validate(told)


def difference(points: float, p: float) -> Difference:
    return Difference(points=points, interval=Interval(-1.0, 1.0), p_value=p)


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    found = Leaderboard(tmp_path)
    for each in (version(0), version(1), version(2, taken=False), version(3)):
        (tmp_path / each.directory).mkdir(parents=True)
        found.add(each)
    return found


def test_the_current_version_is_the_last_that_was_taken(board: Leaderboard, tmp_path: Path) -> None:
    again = Leaderboard(tmp_path)
    assert again.versions == board.versions
    assert again.current == version(3)
    assert (tmp_path / "best").resolve() == tmp_path / "round-3" / "policy"


def test_a_rollback_makes_an_earlier_version_current_until_one_is_better(
    board: Leaderboard, tmp_path: Path
) -> None:
    assert rollback(tmp_path, 1) == tmp_path / "round-1" / "policy"
    assert (tmp_path / "best").resolve() == tmp_path / "round-1" / "policy"
    assert leaderboard(tmp_path).current.round == 1
    assert rollback(tmp_path, "0" * 12).parent.name == "round-0"
    rollback(tmp_path, 0)
    assert len((tmp_path / "leaderboard.jsonl").read_text().splitlines()) == 6
    late = Leaderboard(tmp_path)
    late.add(version(4))
    assert Leaderboard(tmp_path).current.round == 4


def test_a_link_that_a_kill_left_behind_is_made_anew(board: Leaderboard, tmp_path: Path) -> None:
    (tmp_path / "best").unlink()
    (tmp_path / ".best.partial").symlink_to("nowhere")
    Leaderboard(tmp_path).link()
    assert (tmp_path / "best").resolve() == tmp_path / "round-3" / "policy"


def test_what_is_not_there_is_told(board: Leaderboard, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no version 9; there are rounds 0"):
        rollback(tmp_path, 9)
    with pytest.raises(UserError, match="no leaderboard in"):
        leaderboard(tmp_path / "nowhere")
    (tmp_path / "leaderboard.jsonl").write_text('{"round": 1}\n')
    with pytest.raises(UserError, match="line 1 is no line of a leaderboard"):
        leaderboard(tmp_path)


def test_the_table_shows_versions_differences_and_readings(tmp_path: Path) -> None:
    board = Leaderboard(tmp_path)
    board.add(version(0))
    reading = Reading(monitor="length", value=90.0, first=30.0, worse=2.0, level="stop")
    board.add(
        version(
            1,
            taken=False,
            ends=True,
            why="stopped by length",
            to_first=difference(0.1, 0.03),
            readings=[reading],
        )
    )
    told = str(leaderboard(tmp_path))
    assert "0*" in told and "1*" not in told
    assert "+10.0 (p 0.03)" in told
    assert "length: 30 → 90  STOP" in told
    assert all(json.loads(line) for line in (tmp_path / "leaderboard.jsonl").read_text().splitlines())


def test_better_is_taken_a_regress_ends_and_patience_runs_out() -> None:
    settings = ImproveSettings(patience=2)
    taken, lost = version(1), version(2, taken=False)
    assert decide(difference(0.01, 0.9), [], [taken], settings)[:2] == (True, False)
    assert decide(difference(-0.1, 0.01), [], [taken], settings)[:2] == (False, True)
    assert decide(difference(-0.1, 0.2), [], [taken], settings)[:2] == (False, False)
    assert decide(difference(0.0, 1.0), [], [taken, lost], settings)[:2] == (False, True)
    hacked = Reading(monitor="proxy", value=0.5, first=0.0, worse=0.5, level="stop")
    found = decide(difference(0.2, 0.001), [hacked], [taken], settings)
    assert found == (False, True, "stopped by proxy")
