import json
from pathlib import Path
from typing import Any

import pytest

from tutelage import Task
from tutelage.errors import TaskFileError, UserError
from tutelage.traces.export import export
from tutelage.traces.export.decontamination import HeldOut, words

LONG = "Ann has three red apples and gives two of them to her brother Bob on Monday"


@pytest.fixture
def solved(toy: Any) -> Any:
    for name, problem in (("t1", "What is 6 times 7?"), ("t2", "What is 8 times 9?"), ("t3", LONG)):
        recorder = toy.begin(name, problem=problem)
        toy.solve(recorder, (f"solution of {name}", True))
        recorder.finish()
    return toy


def kept(toy: Any, **options: Any) -> list[str]:
    return [row["task_id"] for row in export(toy.run, "sft", **options)]


def test_a_problem_is_held_out_whatever_its_case_and_punctuation(solved: Any) -> None:
    data = export(solved.run, "sft", heldout=["what is: 6 times 7"])
    assert [row["task_id"] for row in data] == ["t2", "t3"]
    assert data.counts.dropped == {"repeat a held-out problem": 1}


def test_words_in_a_row_are_overlap(solved: Any) -> None:
    other = f"Yesterday {LONG} morning"
    assert kept(solved, heldout=[other]) == ["t1", "t2"]
    assert kept(solved, heldout=[other], ngram=0) == ["t1", "t2", "t3"]
    assert kept(solved, heldout=["Is 1 times 2 what is 8 times"], ngram=4) == ["t1", "t3"]


def test_a_solution_that_leaks_into_a_completion_is_found(toy: Any) -> None:
    recorder = toy.begin()
    toy.solve(recorder, (f"As is known: {LONG}.", True), ("clean", True))
    recorder.finish()
    heldout = [Task(id="h", problem="Another one", solution=LONG)]
    data = export(toy.run, "sft", heldout=heldout)
    assert [row["completion"][0]["content"] for row in data] == ["clean"]
    assert data.counts.dropped == {"share 13 words in a row with a held-out task": 1}


def test_held_out_tasks_come_from_a_file_of_tasks(solved: Any, tmp_path: Path) -> None:
    file = tmp_path / "held.jsonl"
    lines = [{"problem": "What is 6 times 7?"}, {"question": "What is 8 times 9?", "answer": "#### 72"}]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert kept(solved, heldout=file) == kept(solved, heldout=str(file)) == ["t3"]


@pytest.mark.parametrize(
    ("line", "told"),
    [("{", "line 2: not JSON"), ("[]", "line 2: not a JSON object"), ("{}", "has no problem")],
)
def test_a_file_that_holds_no_tasks_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "held.jsonl"
    file.write_text('{"problem": "a"}\n' + line)
    with pytest.raises(TaskFileError, match=told):
        HeldOut(file, 13)


def test_what_is_neither_a_file_nor_tasks_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a Task nor the text"):
        HeldOut([7], 13)
    with pytest.raises(UserError, match="heldout is a file, tasks or problems"):
        HeldOut(7, 13)
    with pytest.raises(TaskFileError, match="cannot be read"):
        HeldOut(tmp_path / "none.jsonl", 13)


def test_words_are_letters_and_digits_of_any_script() -> None:
    assert words("Größe: 3+4_5, Café!") == ["größe", "3", "+", "4", "5", "café"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Compute 3*4.", "Compute 3+4."),
        ("Compute 3-4", "Compute 3/4"),
        ("What is 3.5 times 2?", "What is 35 times 2?"),
        ("What is .5 times 2?", "What is 5 times 2?"),
        ("2*(3+4)", "2*3+4"),
        ("Is x < 3?", "Is x > 3?"),
        ("Give 5! please", "Give 5 please"),
        ("x^2", "x2"),
        ("a - b", "a b"),
    ],
)
def test_other_signs_are_other_problems(one: str, other: str) -> None:
    assert words(one) != words(other)
    assert not HeldOut([other], 13).repeats(one)
    assert HeldOut([one], 13).repeats(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A well-known and/or (red) apple!", "a well known, and or red apple"),
        ("Sell 1,200 apples", "sell 1200 apples."),
        ("6\xd77", "6 * 7 ="),
    ],
)
def test_other_spelling_is_the_same_problem(one: str, other: str) -> None:
    assert words(one) == words(other)
