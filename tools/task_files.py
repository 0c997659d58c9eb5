"""Loading tasks from JSON Lines: objects with the fields of `Task`, or in the shape of GSM8K.

    {"problem": "Compute 2 + 3.", "reference": "5"}
    {"question": "How many apples ...?", "answer": "3 apples and 4 are <<3+4=7>>7.\\n#### 7"}

GSM8K's `answer` becomes the worked solution, without calculator annotations and ending in `answer: X`, and
its `#### X` the reference. Both kinds may stand in one file. An unknown key is an error. Not covered: other
data sets' shapes, which a few lines of Python turn into tasks.
"""

from pathlib import Path

from pydantic import ValidationError

from tutelage.errors import TaskFileError
from tutelage.tools.answers import CALCULATION
from tutelage.tools.jsonl import read_objects
from tutelage.types import Task

__all__ = ["load_tasks"]

GSM8K_KEYS = {"id", "question", "answer"}


def load_tasks(path: str | Path) -> list[Task]:
    """Read the tasks of a file in its order; a task without an `id` gets its line number.

    Args:
        path: A file of one JSON object a line, in UTF-8.

    Returns:
        At least one task; all ids differ.

    Raises:
        TaskFileError: the file cannot be read, is empty, or has a line that is no task; the message names the
        line.
    """
    tasks: list[Task] = []
    lines: dict[str, int] = {}
    for number, data in read_objects(Path(path)):
        where = f"{path}:{number}"
        fields = {"id": str(number), **(gsm8k_fields(data, where) if "question" in data else data)}
        task = read_task(fields, where)
        if task.id in lines:
            raise TaskFileError(f"{where}: the id {task.id!r} is already that of line {lines[task.id]}")
        lines[task.id] = number
        tasks.append(task)
    return tasks


def gsm8k_fields(data: dict[str, object], where: str) -> dict[str, object]:
    """The fields of the task that a GSM8K object describes.

    Raises:
        TaskFileError: a key is missing, unknown or not a string, or the answer has no `####`.
    """
    if unknown := sorted(data.keys() - GSM8K_KEYS):
        raise TaskFileError(
            f"{where}: unknown key {unknown[0]!r} beside 'question'; known are 'answer' and 'id'"
        )
    answer = data.get("answer")
    if not isinstance(answer, str):
        raise TaskFileError(f"{where}: 'answer' must be a string that ends in '#### X', not {answer!r:.40}")
    worked, marker, reference = CALCULATION.sub("", answer).rpartition("####")
    if not marker or not reference.strip():
        raise TaskFileError(f"{where}: 'answer' must end in '#### X', but ends in {answer[-40:]!r}")
    fields = {
        "problem": data["question"],
        "reference": reference.strip(),
        "solution": f"{worked.strip()}\nanswer: {reference.strip()}".strip(),
    }
    return {**fields, "id": data["id"]} if "id" in data else fields


def read_task(fields: dict[str, object], where: str) -> Task:
    """The task of some fields, whose types must be right as they are.

    Raises:
        TaskFileError: a field is missing, unknown, empty or of the wrong type.
    """
    try:
        task = Task.model_validate(fields, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(map(str, problem["loc"]))
        raise TaskFileError(f"{where}: {name!r}: {complaint(problem['type'], problem['msg'])}") from error
    for name in ("id", "problem"):
        if not getattr(task, name).strip():
            raise TaskFileError(f"{where}: {name!r} is empty")
    return task


def complaint(kind: str, message: str) -> str:
    """What pydantic found wrong with a field, in words that say what to do."""
    match kind:
        case "missing":
            return "missing; a task needs a 'problem', or a 'question' and an 'answer'"
        case "extra_forbidden":
            return f"unknown; known are {', '.join(Task.model_fields)}"
        case _:
            return message[0].lower() + message[1:]
