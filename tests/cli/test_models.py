"""`--model` and `--graph`: what is misspelt is one sentence with the nearest name; a replay's engine starts late."""

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage.agents import Request
from tutelage.cli.late_engine import LateEngine
from tutelage.errors import EngineError, ModelDirectoryError, UserError
from tutelage.traces import Run

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]

SPEAKER = Path(__file__).parent.parent / "speaking_model.py"
MODEL = f"{SPEAKER}:model"
TASKS = "arithmetic:1:2:3"
NOBODY = "http://127.0.0.1:9/v1"
"""Where no server is."""

MISSPELT = [
    (["--model", "embeded"], "did you mean 'embedded'?"),
    (["--model", "embedded+vlm"], "did you mean 'embedded+vllm'?"),
    (["--model", "vlm:/models/a"], "did you mean 'vllm:/models/a'?"),
    (["--model", "vlm:models"], "did you mean 'vllm:models'?"),
    (["--model", "tansformers:models"], "did you mean 'transformers:models'?"),
    (["--model", "models"], "vllm:models or transformers:models"),
    (["--model", "transformers:/nowhere"], "no model directory '/nowhere'"),
    (["--model", "embedded+transformers", "--engine", "device_=1"], "no setting 'device_'"),
    (["--graph", "self_refin"], "did you mean 'self_refine'?"),
    (["--graph", "mine.py:grap"], "did you mean 'graph'?"),
    (["--graph", "mime.py:graph"], "did you mean 'mine.py'?"),
    (["--graph", "mine.py:number"], "neither a graph nor a function"),
]


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("number = 3\n\ndef graph(model):\n    return None\n")
    (tmp_path / "models").mkdir()


@pytest.mark.parametrize(("words", "why"), MISSPELT)
@pytest.mark.parametrize(
    "command", [["debug", TASKS], ["run", TASKS], ["studio", "."], ["studio", "--task", TASKS]]
)
def test_what_is_misspelt_is_one_sentence_with_the_nearest_name(
    tutelage: Command, sentence: Sentence, command: list[str], words: list[str], why: str
) -> None:
    assert why in sentence(tutelage(*command, *words))


@pytest.mark.parametrize(("words", "why"), MISSPELT)
def test_it_is_said_before_a_rollout_on_record_is_replayed(
    tutelage: Command, sentence: Sentence, words: list[str], why: str
) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "first", "--quiet")
    assert why in sentence(tutelage("debug", "first", *words))


def test_a_replay_asks_no_engine_until_something_is_changed(tutelage: Command, tmp_path: Path) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--graph", "self_refine", "--store", "first", "--quiet")
    (tmp_path / "lines").write_text("s\nprompt\nn\nc\np answer\ngoto 1\ns\nedit prompt Another one\ns\n")
    code, out, err = tutelage("debug", "first", "--model", NOBODY, "--batch", "lines", "--store", "kept")
    replayed, _, live = out.partition("(tutelage) edit prompt")
    assert (code, err) == (0, "")
    assert "\n'0'\n" in replayed and "error" not in replayed
    assert "> at an error of solver" in live and "cannot be reached" in live and NOBODY in live
    with Run.open("kept") as run:
        assert [turn.policy for turn in run.turns() if turn.error] == [""]


def test_a_kept_session_opens_without_its_engine(tutelage: Command, tmp_path: Path) -> None:
    tutelage("run", TASKS, "--model", MODEL, "--store", "first", "--quiet")
    (tmp_path / "lines").write_text("c\n")
    tutelage("debug", "first", "--model", NOBODY, "--batch", "lines", "--store", "kept")
    code, out, _ = tutelage("debug", "kept", "--batch", "lines")
    assert "the end of branch main" in out
    assert code == 1


def test_an_engine_that_could_not_start_is_tried_again() -> None:
    engine = LateEngine(NOBODY, {"max_retries": 0}, lambda: told.append(1))
    told: list[int] = []
    for _ in range(2):
        with pytest.raises(EngineError, match=r"127\.0\.0\.1:9"):
            asyncio.run(engine.generate(Request(({"role": "user", "content": "x"},))))
    assert (len(told), engine.name, engine.policy, engine.context_length) == (2, NOBODY, "", None)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.started()


def test_what_cannot_be_right_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for spec in (f"vllm:{tmp_path}", f"transformers:{tmp_path / 'models'}"):
        with pytest.raises(ModelDirectoryError, match=r"config\.json"):
            LateEngine(spec, {}, lambda: None)
    with pytest.raises(UserError, match="no setting 'speed'"):
        LateEngine(NOBODY, {"speed": 2}, lambda: None)


@pytest.mark.slow
def test_a_prompt_is_rendered_before_the_engine_starts_as_the_engine_renders_it() -> None:
    assert importlib.util.find_spec("transformers")
    engine = LateEngine("embedded+transformers", {}, lambda: None)
    request = Request(({"role": "user", "content": "What is 2+2?"},))
    before = asyncio.run(engine.render(request))
    assert engine.policy == ""
    engine.started()
    assert engine.policy
    assert asyncio.run(engine.render(request)) == before is not None
    engine.close()
