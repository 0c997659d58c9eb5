import importlib
import json
from collections.abc import Callable, Mapping, Sequence
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


def recorded(question: str, answer: int, **solutions: tuple[str, bool]) -> dict[str, Any]:
    """A line of recorded solutions: every model's text and whether the source calls it right."""
    found = {name: {"solution": text, "is_correct": flag} for name, (text, flag) in solutions.items()}
    return {"question": question, "ground_truth": f"so many\n#### {answer}", **found}


APPLES = recorded("2 and 3 apples?", 5, small=("2+3=5\nA: 5", True), large=("2*3=6\nA: 6", False))
PEARS = recorded("1,000 and 200 pears?", 1200, small=("A: $1,200", True), large=("no idea", False))


@pytest.fixture
def graded(
    benchmarks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    """What the benchmark `grader` says of recorded solutions; the problems are their own.

    A full run writes `results.md` in the test's folder.
    """
    monkeypatch.setattr(benchmarks, "RESULTS", tmp_path / "results.md")

    def grade(*lines: Mapping[str, Any], options: Sequence[str] = ()) -> dict[str, Any]:
        problems, solutions = tmp_path / "problems.jsonl", tmp_path / "solutions.jsonl"
        asked = [{"question": line["question"], "answer": line["ground_truth"]} for line in lines]
        write_lines(problems, asked)
        write_lines(solutions, lines)
        assert benchmarks.main(["grader", str(problems), str(solutions), *options]) == 0
        result: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return result

    return grade


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def test_the_last_line_of_a_benchmark_is_its_result(graded: Callable[..., dict[str, Any]]) -> None:
    result = graded(APPLES, options=["--quick"])
    assert (result["benchmark"], result["quick"], result["agreement"]) == ("grader", True, 1.0)


def test_the_grader_agrees_with_true_flags(graded: Callable[..., dict[str, Any]]) -> None:
    result = graded(APPLES, PEARS)
    assert (result["n"], result["agreement"], result["met"]) == (4, 1.0, True)
    assert result["disagreements"] == []


def test_a_flag_that_the_grader_does_not_share_is_listed(graded: Callable[..., dict[str, Any]]) -> None:
    flipped = {**PEARS, "small": {**PEARS["small"], "is_correct": False}}
    result = graded(APPLES, flipped)
    assert (result["n"], result["agreement"], result["met"]) == (4, 0.75, False)
    assert result["disagreements"] == [
        {"question": 2, "model": "small", "answer": "1200", "reference": "1200", "recorded": False}
    ]


def test_a_solution_without_an_answer_is_taken_for_wrong(graded: Callable[..., dict[str, Any]]) -> None:
    flipped = {**PEARS, "large": {**PEARS["large"], "is_correct": True}}
    (listed,) = graded(APPLES, flipped)["disagreements"]
    assert (listed["model"], listed["answer"], listed["recorded"]) == ("large", None, True)


def test_the_grader_reads_a_hundred_lines_if_quick(graded: Callable[..., dict[str, Any]]) -> None:
    lines = [recorded(f"{number} and 1?", number + 1, a=(f"A: {number + 1}", True)) for number in range(120)]
    assert graded(*lines)["n"] == 120
    assert graded(*lines, options=["--quick"])["n"] == 100


def test_recorded_solutions_are_voted_over_and_chosen_from(graded: Callable[..., dict[str, Any]]) -> None:
    most_right = recorded("2 and 3?", 5, a=("A: 5", True), b=("A: 6", False), c=("A: 5", True))
    most_wrong = recorded("3 and 3?", 6, a=("A: 7", False), b=("A: 6", True), c=("A: 7", False))
    loops = graded(most_right, most_wrong)["loops"]
    assert {name: found["accuracy"] for name, found in loops.items()} == {
        "a": 0.5,
        "b": 0.5,
        "c": 0.5,
        "vote": 0.5,
        "best_of_k": 1.0,
    }


def test_a_full_run_writes_its_results_and_a_quick_one_nothing(
    graded: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    graded(APPLES, options=["--quick"])
    assert not (tmp_path / "results.md").exists()
    graded(APPLES)
    written = (tmp_path / "results.md").read_text("utf-8")
    assert "<!-- grader:begin -->" in written and "100.00 % of 2 recorded solutions" in written


MALFORMED = {
    "no JSON": ("what?\n", ":1: "),
    "no flag": (json.dumps({**APPLES, "small": {"solution": "A: 5"}}), ":1: 'small' must hold exactly"),
    "a flag that is no truth value": (
        json.dumps(APPLES) + "\n" + json.dumps({**PEARS, "small": {"solution": "A: 5", "is_correct": 1}}),
        ":2: 'is_correct' of 'small' must be true or false",
    ),
    "no model": (json.dumps(recorded("2 and 3 apples?", 5)), ":1: no model's solution"),
    "a question that is no problem": (
        json.dumps(recorded("7 plums?", 7, a=("A: 7", True))),
        ":1: the question is not in",
    ),
    "a question with fewer solutions": (
        json.dumps(APPLES) + "\n" + json.dumps({**PEARS, "third": PEARS["small"]}),
        "has 2 solutions, others 3",
    ),
    "nothing": ("", "is empty"),
}


@pytest.mark.parametrize(("text", "said"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_file_of_solutions_is_one_sentence_that_names_the_line(
    benchmarks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    problems, solutions = tmp_path / "problems.jsonl", tmp_path / "solutions.jsonl"
    write_lines(
        problems, [{"question": line["question"], "answer": line["ground_truth"]} for line in (APPLES, PEARS)]
    )
    solutions.write_text(text, "utf-8")
    assert benchmarks.main(["grader", str(problems), str(solutions)]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith("benchmarks: ")
    assert str(solutions) in told.err and said in told.err


def test_a_malformed_file_of_problems_is_one_sentence_that_names_the_line(
    benchmarks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problems, solutions = tmp_path / "problems.jsonl", tmp_path / "solutions.jsonl"
    write_lines(
        problems, [{"question": APPLES["question"], "answer": APPLES["ground_truth"]}, {"question": "?"}]
    )
    write_lines(solutions, [APPLES])
    assert benchmarks.main(["grader", str(problems), str(solutions)]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert f"{problems}:2" in told.err


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
