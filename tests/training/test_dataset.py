import json
from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.traces import Run
from tutelage.training import rows, select, write_rows


def test_a_row_is_the_solvers_prompt_with_the_bare_problem(refined: Run) -> None:
    row = rows(select(refined).examples)[0]
    assert row["prompt"] == [
        {
            "role": "user",
            "content": "Problem: Add 10 and 4.\n\n"
            'Solve it step by step, one step a line. End with a line "answer: X".',
        }
    ]
    assert row["completion"] == [{"role": "assistant", "content": "counting up\nanswer: 14"}]
    assert row["lineage"]["task_id"] == "sum-10"


def test_a_prompt_that_wants_more_than_the_problem_is_refused(refined: Run) -> None:
    with pytest.raises(UserError, match="hint"):
        rows(select(refined).examples, prompt="solver_hinted")


def test_rows_are_written_as_json_lines(refined: Run, tmp_path: Path) -> None:
    made = rows(select(refined).examples)
    write_rows(tmp_path / "rows.jsonl", made)
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == made
