import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import UserError

ROOT = Path(__file__).parent.parent
NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py") if path.stem != "results")


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`python -m benchmarks`, which is found from the checkout only."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.__main__")


def test_without_a_name_every_benchmark_is_listed(
    benchmarks: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmarks.main([]) == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in NAMES)


def test_an_unknown_name_is_told_with_the_known_ones(
    benchmarks: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmarks.main(["nothing"]) == 2
    assert ", ".join(NAMES) in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_says_what_it_measures_and_takes_quick(benchmarks: Any, name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert benchmarks.summary(name)
    assert "--quick" in benchmarks.parser_of(name, module).format_help()
    assert callable(module.run)


def test_the_last_line_of_a_benchmark_is_its_result(
    benchmarks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = {"question": "2 and 3 apples?", "answer": "2 + 3 = 5\n#### 5"}
    solutions = {"solution": "2+3=5\nA: 5", "is_correct": True}
    problems, recorded = tmp_path / "problems.jsonl", tmp_path / "solutions.jsonl"
    problems.write_text(json.dumps(question) + "\n", "utf-8")
    line = {"question": question["question"], "ground_truth": question["answer"], "a model": solutions}
    recorded.write_text(json.dumps(line) + "\n", "utf-8")
    assert benchmarks.main(["grader", str(problems), str(recorded), "--quick"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["benchmark"], result["quick"], result["agreement"]) == ("grader", True, 1.0)


def test_what_the_caller_can_mend_is_one_sentence(
    benchmarks: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmarks.main(["grader", "nowhere", "nowhere"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_result_replaces_its_own_part_of_the_file_only(benchmarks: Any, tmp_path: Path) -> None:
    path = tmp_path / "docs" / "results.md"
    benchmarks.write_section(path, "first", "one")
    benchmarks.write_section(path, "second", "two")
    before = path.read_text("utf-8")
    benchmarks.write_section(path, "first", "three")
    assert path.read_text("utf-8") == before.replace("one", "three")
    assert before == "# Results\n\n<!-- first:begin -->\none\n<!-- first:end -->\n\n" + (
        "<!-- second:begin -->\ntwo\n<!-- second:end -->\n"
    )


@pytest.mark.parametrize("text", ["<!-- a:begin -->", "<!-- a:end -->\n<!-- a:begin -->"])
def test_broken_markers_are_refused_and_the_file_stays(benchmarks: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.md"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match="once each"):
        benchmarks.write_section(path, "a", "new")
    assert path.read_text("utf-8") == text
