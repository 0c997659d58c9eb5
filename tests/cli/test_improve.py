import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.training import Interval
from tutelage.training.improvement.leaderboard import Leaderboard, Version

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]

TRAIN, DEV = "arithmetic:1:8:0", "arithmetic:1:4:0:dev"


@pytest.fixture
def rounds(tmp_path: Path) -> str:
    board = Leaderboard(tmp_path)
    for round in (0, 1):
        (tmp_path / f"round-{round}" / "policy").mkdir(parents=True)
        board.add(
            Version(
                round=round,
                policy=f"{round}abc",
                directory=f"round-{round}/policy",
                accuracy=0.5 + round / 4,
                interval=Interval(0.2, 0.9),
                tasks=4,
            )
        )
    return str(tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([TRAIN, "--out", "o"], "give TASKS, --development and --out"),
        (
            [TRAIN, "--development", DEV, "--out", "o", "--set", "round=1"],
            "--set round: unknown; known are rounds",
        ),
        ([TRAIN, "--development", DEV, "--out", "o", "--set", "tasks=0"], "--set tasks=0"),
        ([TRAIN, "--development", DEV, "--out", "o", "--graph", "self_refin"], "did you mean 'self_refine'?"),
        ([TRAIN, "--development", "nowhere.jsonl", "--out", "o"], "nowhere.jsonl"),
        (["--rollback", "1"], "--rollback needs --out"),
        (["--leaderboard", "nowhere"], "there is no leaderboard in 'nowhere'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tutelage: Command, sentence: Sentence, words: list[str], said: str
) -> None:
    assert said in sentence(tutelage("improve", *words))
    assert not Path("o").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "objective=grpo"], "'grpo' rolls out for itself"),
        (["--train", "epoch=1"], "training: epoch is unknown to 'sft'"),
        (["--development", "arithmetic:1:4:0"], "is a training task, too"),
    ],
)
def test_what_the_rounds_refuse_is_told_before_anything_is_written(
    tutelage: Command, sentence: Sentence, words: list[str], said: str
) -> None:
    given = [] if "--development" in words else ["--development", DEV]
    told = tutelage("improve", TRAIN, *given, "--out", "o", "--model", "embedded+transformers", *words)
    assert said in sentence(told)
    assert not Path("o").exists()


def test_the_leaderboard_is_shown_and_a_version_brought_back(tutelage: Command, rounds: str) -> None:
    code, out, err = tutelage("improve", "--leaderboard", rounds)
    assert (code, err) == (0, "")
    assert "1*" in out and "1abc" in out and "75.0 %" in out
    assert tutelage("improve", "--rollback", "0", "--out", rounds)[0] == 0
    told = json.loads(tutelage("improve", "--leaderboard", rounds, "--json")[1])
    assert (told["current"], len(told["versions"])) == (0, 2)
    assert (Path(rounds) / "best").resolve() == Path(rounds) / "round-0" / "policy"
