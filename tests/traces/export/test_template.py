import shutil
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import embedded_directory
from tutelage.errors import ModelDirectoryError, UserError
from tutelage.traces.export import export

DIRECTORY = embedded_directory()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(DIRECTORY)


@pytest.fixture
def sampled(toy: Any, tokenizer: Any) -> Any:
    """Two turns as the embedded model's tokenizer has them, and one of each kind that it has not."""
    recorder = toy.begin()
    for text, drift in (("12", None), ("34", None), ("56", "prompt"), ("78", "completion")):
        messages = [{"role": "user", "content": f"Problem: {text}"}]
        read = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        written = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        ids = {
            "prompt_token_ids": [*read, 7] if drift == "prompt" else read,
            "completion_token_ids": [9, *written] if drift == "completion" else written,
            "logprobs": None,
            "model": f"vllm:{DIRECTORY}",
        }
        toy.say(recorder, "solver", messages, text, **ids)
    recorder.finish()
    return toy


@pytest.mark.parametrize("source", [DIRECTORY, str(DIRECTORY), "run"])
def test_rows_that_the_template_renders_otherwise_are_flagged_and_named(sampled: Any, source: Any) -> None:
    data = export(sampled.run, "sft", passed=None, tokenizer=source)
    rows = list(data)
    assert [row["template"] for row in rows] == ["same", "same", "prompt differs", "completion differs"]
    assert data.counts.kept == 4
    report = data.report()
    assert f"1 rows are rendered otherwise by the template (prompt differs): {rows[2]['row_id']}" in report
    assert rows[3]["row_id"] in report


def test_they_are_left_out_on_request(sampled: Any) -> None:
    data = export(sampled.run, "sft", passed=None, tokenizer=DIRECTORY, template="drop")
    assert [row["template"] for row in data] == ["same", "same"]
    assert data.counts.dropped == {
        "are rendered otherwise by the template (prompt differs)": 1,
        "are rendered otherwise by the template (completion differs)": 1,
    }


def test_a_context_that_was_never_read_cannot_be_checked_and_says_so(sampled: Any) -> None:
    data = export(sampled.run, "sft", passed=None, tokenizer=DIRECTORY, context="task")
    assert [row["template"] for row in data] == [None] * 4
    assert "4 rows have no recorded ids that the template could be checked against" in data.report()


def test_token_rows_in_a_new_context_are_rendered_with_a_note(sampled: Any, tokenizer: Any) -> None:
    data = export(
        sampled.run, "sft", form="tokens", passed=None, tokenizer=DIRECTORY, context="task", deduplicate=False
    )
    row = next(iter(data))
    turn = sampled.run.turns()[0]
    asked = [{"role": "user", "content": "What is t1?"}]
    read = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    assert row["input_ids"] == [*read, *turn.completion_token_ids]
    list(data)
    assert "4 rows have a prompt that no model read, rendered by the tokenizer's template" in data.report()


def test_pairs_are_checked_on_both_sides(toy: Any, tokenizer: Any) -> None:
    recorder = toy.begin()
    messages = [{"role": "user", "content": "Problem: 1"}]
    read = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    for text, passed in (("12", True), ("34", False)):
        written = [*tokenizer(text, add_special_tokens=False)["input_ids"], *([] if passed else [9])]
        ids = {"prompt_token_ids": read, "completion_token_ids": written, "logprobs": None}
        toy.judge(recorder, toy.say(recorder, "solver", messages, text, **ids), passed)
    recorder.finish()
    (row,) = export(toy.run, "dpo", tokenizer=DIRECTORY)
    assert row["template"] == "completion differs"


def test_what_is_no_tokenizer_is_told(sampled: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelDirectoryError, match="is no directory"):
        list(export(sampled.run, "sft", passed=None, tokenizer=tmp_path / "none"))
    with pytest.raises(ModelDirectoryError, match="no tokenizer can be loaded"):
        list(export(sampled.run, "sft", passed=None, tokenizer=tmp_path))
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(DIRECTORY / name, tmp_path)
    with pytest.raises(ModelDirectoryError, match="has no chat template"):
        list(export(sampled.run, "sft", passed=None, tokenizer=tmp_path))


def test_a_run_whose_model_names_no_directory_is_told(looping: Any) -> None:
    with pytest.raises(UserError, match="model 'vllm:DIR' names no directory; give tokenizer=DIR"):
        list(export(looping.run, "sft", tokenizer="run"))
