import json
from collections.abc import Callable
from pathlib import Path

import pytest

TASKS = "arithmetic:1:6:3"

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Sentence = Callable[[Answer], str]


def test_tasks_are_printed_as_json_lines_that_the_command_reads_again(
    tutelage: Command, tmp_path: Path
) -> None:
    code, out, _ = tutelage("tasks", TASKS)
    Path("some.jsonl").write_text(out, "utf-8")
    assert (code, len(out.splitlines())) == (0, 6)
    assert tutelage("tasks", "some.jsonl")[1] == out


def test_a_split_can_be_asked_for(tutelage: Command) -> None:
    _, out, _ = tutelage("tasks", "arithmetic:2:1:0:heldout")
    assert json.loads(out)["id"] == "arithmetic-2-heldout-0-0"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ("arithmetic:9:1:0", "difficulty 9"),
        ("arithmetic:1:0:0", "count is 0"),
        ("arithmetic:1:x:0", "three whole numbers"),
        ("arithmetic:1:1:0:test", "train, dev, heldout"),
        ("geometry:1:1:0", "no known family"),
        ("nowhere.jsonl", "nowhere.jsonl"),
    ],
)
def test_wrong_tasks_are_one_sentence_and_exit_code_2(
    tutelage: Command, sentence: Sentence, tasks: str, said: str
) -> None:
    assert said in sentence(tutelage("tasks", tasks))
