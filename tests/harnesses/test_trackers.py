from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import embedded_directory
from tutelage.errors import MissingDependency
from tutelage.training import SftSettings, train

Child = Callable[..., Any]
TRACKERS = ("tensorboard", "trackio")


@pytest.mark.slow
@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tracker_holds_the_losses_of_every_update(child: Child, tracker: str, tmp_path: Path) -> None:
    found = child("in_training.py", "sft", tracker, cwd=tmp_path)
    losses = found["curves"]["train/loss"]
    assert [step for step, _ in losses] == [1, 2]
    assert [value for _, value in losses] == pytest.approx(
        [found["losses"]["first"], found["losses"]["last"]], rel=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tracker_holds_how_every_step_of_reinforcement_went(
    child: Child, tracker: str, tmp_path: Path
) -> None:
    found = child("in_training.py", "grpo", tracker, cwd=tmp_path)
    curves, steps = found["curves"], found["steps"]
    assert len(steps) == 2
    for name in ("reward", "passed", "rows", "tokens", "response_length"):
        assert [value for _, value in curves[f"train/{name}"]] == pytest.approx(
            [each[name] for each in steps], rel=1e-5
        )
    assert {"train/loss", "train/entropy"} <= curves.keys()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tracker_that_is_not_installed_is_said_before_anything_is_written(
    tracker: Any, tmp_path: Path
) -> None:
    rows = [{"prompt": "a", "completion": "b"}]
    with pytest.raises(MissingDependency, match=rf"pip install 'tutelage\[{tracker}\]'"):
        train("sft", embedded_directory(), rows, tmp_path / "out", SftSettings(report=tracker))
    assert not list(tmp_path.iterdir())
