import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import TaskFileError
from tutelage.tools import load_tasks
from tutelage.types import Task


def write(path: Path, *lines: object) -> Path:
    file = path / "tasks.jsonl"
    file.write_text(
        "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines), encoding="utf-8"
    )
    return file


def test_fields_of_a_task_are_read_and_ids_default_to_line_numbers(tmp_path: Path) -> None:
    task = {"id": "a", "problem": "2+3?", "reference": "5", "difficulty": 1, "metadata": {"source": ["x", 1]}}
    tasks = load_tasks(write(tmp_path, task, "", {"problem": "Wie weit? Längst."}))
    assert tasks[0] == Task.model_validate(task)
    assert tasks[1] == Task(id="3", problem="Wie weit? Längst.")


def test_gsm8k_shape_becomes_a_task_with_a_clean_solution(tmp_path: Path) -> None:
    row = {"question": "How many eggs?", "answer": "16-3=<<16-3=13>>13\nShe has 1,013.\n#### 1,013"}
    [task] = load_tasks(write(tmp_path, row))
    assert task == Task(
        id="1",
        problem="How many eggs?",
        reference="1,013",
        solution="16-3=13\nShe has 1,013.\nanswer: 1,013",
    )


def test_a_path_may_be_text_and_the_file_may_have_windows_habits(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"problem": "a"}\r\n{"problem": "b"}\r\n')
    assert [(task.id, task.problem) for task in load_tasks(str(file))] == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "not JSON"),
        ("[1]", "a JSON object is needed, not list"),
        ('"text"', "a JSON object is needed, not str"),
        ("{}", "'problem': missing"),
        ('{"problem": 5}', "'problem': input should be a valid string"),
        ('{"problem": " "}', "'problem' is empty"),
        ('{"problem": "x", "id": 7}', "'id': input should be a valid string"),
        ('{"problem": "x", "id": ""}', "'id' is empty"),
        ('{"problem": "x", "difficulty": "2"}', "'difficulty'"),
        ('{"problem": "x", "difficulty": true}', "'difficulty'"),
        ('{"problem": "x", "metadata": []}', "'metadata'"),
        ('{"problem": "x", "metadata": {"a": NaN}}', "NaN is not a JSON number"),
        ('{"problem": "x", "answer": "5"}', "'answer': unknown; known are id, problem"),
        ('{"question": "x"}', "'answer' must be a string"),
        ('{"question": "x", "answer": 5}', "'answer' must be a string"),
        ('{"question": "x", "answer": "5"}', "'answer' must end in '#### X'"),
        ('{"question": "x", "answer": "5 ####"}', "'answer' must end in '#### X'"),
        ('{"question": 1, "answer": "#### 5"}', "'problem': input should be a valid string"),
        ('{"question": "x", "answer": "#### 5", "level": 1}', "unknown key 'level'"),
        ("[" * 100_000, "not usable JSON"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(tmp_path: Path, line: str, complaint: str) -> None:
    file = write(tmp_path, {"problem": "fine"}, line)
    with pytest.raises(TaskFileError) as error:
        load_tasks(file)
    assert str(error.value).startswith(f"{file}:2: ")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_ids_must_differ(tmp_path: Path) -> None:
    file = write(tmp_path, {"problem": "a"}, {"problem": "b", "id": "1"})
    with pytest.raises(TaskFileError, match=r":2: the id '1' is already that of line 1"):
        load_tasks(file)


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_bytes('{"problem": "a"}\n{"problem": "Größe"}\n'.encode("latin-1"))
    with pytest.raises(TaskFileError, match=r"tasks\.jsonl:2: byte 16 is not UTF-8"):
        load_tasks(file)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(TaskFileError, match=r"tasks\.jsonl: the file is empty"):
        load_tasks(write(tmp_path, content))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match=r"missing\.jsonl: cannot be read: No such file"):
        load_tasks(tmp_path / "missing.jsonl")
    with pytest.raises(TaskFileError, match=r"cannot be read: Is a directory"):
        load_tasks(tmp_path)


@given(st.binary())
def test_any_bytes_give_tasks_or_a_task_file_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.mktemp("any") / "tasks.jsonl"
    file.write_bytes(data)
    with pytest.raises(TaskFileError):
        load_tasks(file)


@given(st.lists(st.text().filter(str.strip), min_size=1))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, problems: list[str]) -> None:
    tasks = [Task(id=f"t{i}", problem=problem) for i, problem in enumerate(problems)]
    file = tmp_path_factory.mktemp("back") / "tasks.jsonl"
    file.write_text("\n".join(task.model_dump_json() for task in tasks), encoding="utf-8")
    assert load_tasks(file) == tasks
