from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.traces import Run, Store
from tutelage.training import distill
from tutelage.training.policies import base_directory


def test_only_known_objectives_are_taken(refined: Run) -> None:
    with pytest.raises(UserError, match="'grpo': give one of 'sft'"):
        distill(refined, "grpo")


def test_a_run_of_a_script_has_no_weights_to_train(refined: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no local weights"):
        distill(refined, out=tmp_path / "out", progress=False)


def test_a_run_in_memory_needs_a_place_for_the_policy(refined: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="out=DIR"):
        distill(refined, model=tmp_path, progress=False)


def test_a_run_with_nothing_right_gives_nothing_to_learn(refined: Run, tmp_path: Path) -> None:
    empty = Store.memory().start_run({})
    rollout = refined.rollouts()[0]
    recorder = empty.begin(rollout.task)
    wrong = recorder.candidate("answer: 0")
    score = refined.scores(subject="candidate")[1].score.model_copy(update={"passed": False})
    recorder.score(score, subject="candidate", subject_id=wrong.id)
    recorder.finish("0", {})
    with pytest.raises(UserError, match="kept 0 of 1 candidates because 1 did not pass"):
        distill(empty, model=tmp_path, out=tmp_path / "out", progress=False)


def test_the_account_is_told_on_stderr(
    refined: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError):
        distill(refined, out=tmp_path / "out")
    assert "kept 8 of 15 candidates because 7 did not pass" in capsys.readouterr().err


def test_several_policies_in_a_run_have_to_be_told_apart() -> None:
    with pytest.raises(UserError, match="2 policies"):
        base_directory({("vllm:/a", "x"), ("vllm:/a", "y")})
