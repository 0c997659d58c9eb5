import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


VERIFIER = """
from tutelage.types import Score

class Length:
    name = "length"
    def answer(self, solution): return solution
    def score(self, task, solution): return Score(name="length", value=len(solution), passed=len(solution) > 99)

length = Length()
"""


def test_score_judges_a_stored_run_by_another_verifier(tutelage: Command, recorded: Any) -> None:
    Path("mine.py").write_text(VERIFIER, "utf-8")
    code, out, _ = tutelage("score", recorded.path, "--verifier", "mine.py:length")
    assert code == 0
    assert "length: 0 of 1 right" in out
    assert "exact: 1 of 1 right" in out
    found = json.loads(tutelage("score", recorded.path, "--verifier", "mine.py:length", "--json")[1])
    assert found["scores"]["length"] == {
        "passed": 0,
        "scored": 1,
        "accuracy": 0.0,
        "interval": found["scores"]["length"]["interval"],
        "compared": 1,
        "wrong_to_right": 0,
        "right_to_wrong": 0,
    }


def test_what_score_cannot_do_is_one_sentence(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    assert "unknown verifier" in sentence(tutelage("score", recorded.path, "--verifier", "oracle"))
    assert "'sum-0' has the family ''" in sentence(
        tutelage("score", recorded.path, "--verifier", "family_answer")
    )
    assert "runs/b" in sentence(tutelage("score", "runs/b", "--verifier", "exact"))


def test_copy_makes_one_file_that_show_reads(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    assert tutelage("copy", recorded.path, "packed.sqlite")[0] == 0
    assert tutelage("show", "packed.sqlite") == tutelage("show", recorded.path)
    assert "exists already" in sentence(tutelage("copy", recorded.path, "packed.sqlite"))
    assert json.loads(tutelage("copy", "packed.sqlite", "b.sqlite", "--json")[1])["path"] == "b.sqlite"


def test_merge_brings_runs_together(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    code, out, _ = tutelage("merge", "runs/all", recorded.path)
    assert code == 0
    assert "1 done, 1 failed" in out
    assert out.endswith("recorded in runs/all\n")
    assert json.loads(tutelage("merge", "runs/all", recorded.path, "--json")[1])["shards"] == 1
    assert "into itself" in sentence(tutelage("merge", "runs/all", "runs/all"))
    assert "nowhere" in sentence(tutelage("merge", "runs/new", recorded.path, "nowhere"))
    assert not Path("runs/new").exists()


def test_upgrade_says_where_the_old_file_is(tutelage: Command, sentence: Sentence, recorded: Any) -> None:
    old = Path(__file__).parent.parent / "traces" / "schema_1" / "run.sqlite"
    Path("runs/old").mkdir()
    Path("runs/old/run.sqlite").write_bytes(old.read_bytes())
    assert "tutelage upgrade runs/old" in sentence(tutelage("show", "runs/old"))
    assert (
        tutelage("upgrade", "runs/old")[1] == "runs/old is upgraded; the old file is runs/old/run.v1.sqlite\n"
    )
    assert json.loads(tutelage("upgrade", "runs/old", "--json")[1])["upgraded"] is False
    assert "present schema already" in tutelage("upgrade", "runs/old")[1]
    assert tutelage("show", "runs/old")[0] == 0


def test_import_records_a_file_and_reports(tutelage: Command, sentence: Sentence) -> None:
    line = {"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}]}
    Path("said.jsonl").write_text(json.dumps(line), "utf-8")
    code, out, err = tutelage("import", "said.jsonl", "--store", "runs/said")
    assert code == 0
    assert "rollouts: 1 done" in out
    assert "'chat'" in err
    again = tutelage("import", "said.jsonl", "--store", "runs/said", "--format", "chat", "--json")
    assert json.loads(again[1])["rollouts"]["done"] == 1
    assert "unknown format 'csv'" in sentence(
        tutelage("import", "said.jsonl", "--store", "runs/x", "--format", "csv")
    )
    assert "nowhere" in sentence(tutelage("import", "nowhere", "--store", "runs/x", "--format", "chat"))
