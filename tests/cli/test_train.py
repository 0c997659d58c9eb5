import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def test_objectives_are_listed_with_their_settings(tutelage: Command) -> None:
    code, out, err = tutelage("train", "--objectives")
    assert (code, err) == (0, "")
    names = [line.partition(":")[0] for line in out.splitlines() if not line.startswith(" ")]
    assert {"sft", "dpo", "kto", "reward", "prm", "distillation", "sdft", "sdpo", "grpo"} < set(names)
    (told,) = map(json.loads, tutelage("train", "kto", "--objectives", "--json")[1].splitlines())
    assert told["options"]["beta"]["default"] == 0.1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sfd", "runs/x", "--out", "p"], "did you mean 'sft'?"),
        (["sft", "runs/x"], "and --out"),
        (["sft", "rows.jsonl", "--out", "p"], "there is no file 'rows.jsonl'"),
        (
            ["sft", "runs/x", "--out", "p", "--graph", "one_shot", "--model", "m"],
            "'sft' has no --graph, --model",
        ),
        (["sft", "runs/x", "--out", "p", "--set", "epoch=1"], "epoch"),
        (["grpo", "arithmetic:1:2:0", "--out", "p", "--base", "b"], "'grpo' has no --base"),
        (["grpo", "arithmetic:1:2:0", "--out", "p", "--graph", "one_shott"], "did you mean 'one_shot'?"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(
    tutelage: Command, sentence: Sentence, words: list[str], said: str
) -> None:
    assert said in sentence(tutelage("train", *words))
    assert not Path("p").exists()


def test_rows_that_lack_columns_are_told_before_a_process_starts(
    tutelage: Command, sentence: Sentence
) -> None:
    Path("rows.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    told = sentence(tutelage("train", "dpo", "rows.jsonl", "--out", "p"))
    assert "'dpo' reads prompt, chosen, rejected" in told


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b"\xff\xfe", "is not UTF-8"),
        ("rows.jsonl", b'{"text": 1}\n' + b"[" * 100_000, "line 2: it is no JSON object"),
        ("rows.parquet", b"", "is no Parquet file"),
        ("rows.jsonl", '\ufeff{"text": "a\u2028b"}\n\n{"text": "c"}\n'.encode(), "'dpo' reads prompt"),
    ],
)
def test_a_file_of_rows_is_read_or_refused(
    tutelage: Command, sentence: Sentence, name: str, content: bytes, said: str
) -> None:
    Path(name).write_bytes(content)
    assert said in sentence(tutelage("train", "dpo", name, "--out", "p"))


def test_a_runs_export_has_options(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    told = sentence(tutelage("train", "sft", recorded.path, "--out", "p", "--export", "pased=true"))
    assert "pased" in told


def test_parts_of_a_setting_are_listed_and_their_mistakes_told(tutelage: Command, sentence: Sentence) -> None:
    (told,) = map(json.loads, tutelage("train", "sft", "--objectives", "--json")[1].splitlines())
    assert told["options"]["adapter.rank"]["default"] == 8
    Path("rows.jsonl").write_text('{"prompt": [], "completion": []}\n', encoding="utf-8")

    def said(*words: str) -> str:
        pairs = [word for each in words for word in ("--set", each)]
        return sentence(tutelage("train", "sft", "rows.jsonl", "--out", "p", *pairs))

    assert "adapter.rnk: unknown; known are rank, alpha" in said("adapter.rnk=8")
    assert "adapter.rank=0" in said("adapter.rank=0")
    assert "adapter.rank is given twice" in said("adapter.rank=1", "adapter.rank=2")
    assert "given as a whole, too" in said("adapter=1", "adapter.rank=2")
    assert not Path("p").exists()


def test_an_adapter_is_merged_into_the_base_that_it_names(tutelage: Command, sentence: Sentence) -> None:
    from tutelage.agents import embedded_directory, open_model_directory
    from tutelage.training import blank_adapter

    blank_adapter(embedded_directory(), "blank")
    code, out, _ = tutelage("merge-adapter", "blank", "--out", "merged", "--json")
    assert (code, Path(json.loads(out)["directory"])) == (0, Path("merged").absolute())
    assert open_model_directory("merged").policy() == open_model_directory(embedded_directory()).policy()
    (Path("blank") / "policy.json").unlink()
    assert "give --base DIR" in sentence(tutelage("merge-adapter", "blank", "--out", "other"))
