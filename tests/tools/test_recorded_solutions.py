import json
from pathlib import Path

import pytest

from tutelage.errors import TaskFileError
from tutelage.tools import RecordedSolution, load_recorded_solutions

ROW: dict[str, object] = {
    "question": "How many eggs?",
    "ground_truth": "16-3=<<16-3=13>>13\nA: 13",
    "small": {"is_correct": False, "solution": "A: 12"},
    "large": {"is_correct": True, "solution": "16-3=13\nA: 13"},
}


def write(path: Path, *rows: object) -> Path:
    file = path / "solutions.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_every_models_solution_is_read_in_order(tmp_path: Path) -> None:
    small, large, *later = load_recorded_solutions(write(tmp_path, ROW, {**ROW, "question": "And now?"}))
    assert small == RecordedSolution(
        line=1,
        question="How many eggs?",
        ground_truth="16-3=<<16-3=13>>13\nA: 13",
        model="small",
        solution="A: 12",
        is_correct=False,
    )
    assert (large.model, large.is_correct) == ("large", True)
    assert [(row.line, row.question) for row in later] == [(2, "And now?")] * 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"question": 5}, "'question' must be a string, not 5"),
        ({"ground_truth": None}, "'ground_truth' must be a string, not None"),
        ({"small": "A: 12"}, "'small' must hold exactly 'solution' and 'is_correct'"),
        ({"small": {"solution": "A: 12"}}, "'small' must hold exactly"),
        ({"small": {"solution": "A: 12", "is_correct": True, "by": "me"}}, "'small' must hold exactly"),
        (
            {"small": {"solution": "A: 12", "is_correct": 1}},
            "'is_correct' of 'small' must be true or false, not 1",
        ),
        ({"small": {"solution": 12, "is_correct": True}}, "small: 'solution' must be a string, not 12"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    file = write(tmp_path, ROW, {**ROW, **change})
    with pytest.raises(TaskFileError) as error:
        load_recorded_solutions(file)
    assert str(error.value).startswith(f"{file}:2: ") and complaint in str(error.value)


def test_a_line_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="no model's solution"):
        load_recorded_solutions(write(tmp_path, {"question": "?", "ground_truth": "A: 1"}))


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="empty"):
        load_recorded_solutions(write(tmp_path))
    with pytest.raises(TaskFileError, match="No such file"):
        load_recorded_solutions(str(tmp_path / "none.jsonl"))
