import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def test_export_writes_a_file_and_says_what_was_kept(tutelage: Command, recorded: Any) -> None:
    code, out, err = tutelage(
        "export", recorded.path, "--to", "sft", "--role", "refiner", "--out", "a/sft.jsonl"
    )
    assert (code, err) == (0, "")
    assert out.startswith("kept 1 of 6 turns, because ")
    assert out.endswith("written to a/sft.jsonl\n")
    (row,) = map(json.loads, Path("a/sft.jsonl").read_text("utf-8").splitlines())
    assert row["row_id"] == f"{recorded.id}/{recorded.right}"
    assert tutelage("show", row["row_id"])[1].startswith(f"turn {recorded.right}")


def test_export_gives_its_account_as_data(tutelage: Command, recorded: Any) -> None:
    out = tutelage("export", recorded.path, "--to", "kto", "--out", "kto.parquet", "--json")[1]
    found = json.loads(out)
    assert found["rows"] + sum(found["dropped"].values()) == found["of"]
    assert (found["path"], found["format"], found["noun"]) == ("kto.parquet", "kto", "turns")
    assert Path("kto.parquet").stat().st_size


def test_export_prints_rows_alone_on_stdout(tutelage: Command, recorded: Any) -> None:
    code, out, err = tutelage("export", recorded.path, "--to", "sft", "--passed", "any", "--out", "-")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert {row["role"] for row in rows} == {"solver", "reviewer", "refiner"}
    assert err.startswith(f"kept {len(rows)} of 6 turns")


def test_options_come_from_flags_and_settings(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    def export(*options: str) -> Answer:
        return tutelage("export", recorded.path, "--to", "sft", "--out", "-", *options)

    Path("mine.py").write_text("def bare(example): return [{'role': 'user', 'content': 'bare'}]", "utf-8")
    one = export("--per-task", "1", "--form", "prompt_completion", "--context", "mine.py:bare")[1]
    assert json.loads(one)["prompt"] == [{"role": "user", "content": "bare"}]
    assert export("--set", "per_task=1")[1].count("\n") == 1
    assert export("--set", 'roles=["solver"]', "--passed", "wrong")[0] == 0
    assert "second time" in sentence(export("--set", "per_task=1", "--per-task", "2"))
    assert "no option 'speed'" in sentence(export("--set", "speed=9"))
    assert "option 'form'" in sentence(export("--form", "poem"))
    assert export("--role", "solver", "--policy", "p2")[0] == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give a run and a format"),
        (["--to", "sft"], "say where the rows go"),
        (["--to", "sft", "--out", "a.csv"], ".parquet"),
        (["--to", "poem", "--out", "a.jsonl"], "'poem' is no format; there are atif"),
        (["--to", "distill", "--out", "a.jsonl", "--teacher", "nowhere"], "nowhere"),
        (["--to", "otel", "--set", "endpoint=nowhere"], "'nowhere' is no HTTP address"),
    ],
)
def test_what_export_cannot_do_is_one_sentence(
    tutelage: Command, sentence: Sentence, recorded: Any, options: list[str], said: str
) -> None:
    assert said in sentence(tutelage("export", recorded.path, *options))
    assert not list(Path().glob("a.*"))


def test_formats_are_listed_with_their_options(tutelage: Command, sentence: Sentence) -> None:
    out = tutelage("export", "--formats")[1]
    for name in ("atif: ", "sft: ", "every format", "per_task=NUMBER | null  [null]", "balance=label | role"):
        assert name in out
    assert "reward: " not in tutelage("export", "--formats", "--to", "sft")[1]
    found = [json.loads(line) for line in tutelage("export", "--formats", "--json")[1].splitlines()]
    undocumented = [
        f"{each['name']}.{key}"
        for each in found
        for key, told in each["options"].items()
        if not told["about"] or not told["values"]
    ]
    assert not undocumented
    assert "'poem' is no format" in sentence(tutelage("export", "--formats", "--to", "poem"))
