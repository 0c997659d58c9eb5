"""Loading solutions that models gave before, with a flag that says whether each was right.

The file has one JSON object a problem, in the shape of the example solutions that come with GSM8K (arXiv
2110.14168): `question`, `ground_truth` (a worked solution), and one key a model that holds `solution` and
`is_correct`. The flags are the source's own; nothing is judged here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tutelage.errors import TaskFileError
from tutelage.tools.jsonl import read_objects

__all__ = ["RecordedSolution", "load_recorded_solutions"]

PROBLEM_KEYS = ("question", "ground_truth")
MODEL_KEYS = {"solution", "is_correct"}


@dataclass(frozen=True, slots=True)
class RecordedSolution:
    """One solution of one model."""

    line: int
    """Where in the file it stands, counted from 1."""
    question: str
    ground_truth: str
    """The worked solution that comes with the question."""
    model: str
    solution: str
    is_correct: bool
    """What the source says of it."""


def load_recorded_solutions(path: str | Path) -> list[RecordedSolution]:
    """Read all solutions, problem by problem in the file's order, models in the order of their keys.

    Raises:
        TaskFileError: the file cannot be read, is empty, or has a malformed line; the message names the line.
    """
    return [
        solution
        for number, data in read_objects(Path(path))
        for solution in read_line(data, number, f"{path}:{number}")
    ]


def read_line(data: dict[str, object], number: int, where: str) -> Iterator[RecordedSolution]:
    """Yield the solutions of one problem.

    Raises:
        TaskFileError: a key is missing or holds something else than it should, or no model is there.
    """
    question, ground_truth = (text_of(data, key, where) for key in PROBLEM_KEYS)
    models = [key for key in data if key not in PROBLEM_KEYS]
    if not models:
        raise TaskFileError(f"{where}: no model's solution beside {' and '.join(map(repr, PROBLEM_KEYS))}")
    for model in models:
        entry = data[model]
        if not isinstance(entry, dict) or entry.keys() != MODEL_KEYS:
            raise TaskFileError(f"{where}: {model!r} must hold exactly 'solution' and 'is_correct'")
        if not isinstance(entry["is_correct"], bool):
            raise TaskFileError(
                f"{where}: 'is_correct' of {model!r} must be true or false, not {entry['is_correct']!r:.40}"
            )
        solution = text_of(entry, "solution", f"{where}: {model}")
        yield RecordedSolution(number, question, ground_truth, model, solution, entry["is_correct"])


def text_of(data: dict[str, object], key: str, where: str) -> str:
    """The string under a key.

    Raises:
        TaskFileError: there is none.
    """
    value = data.get(key)
    if not isinstance(value, str):
        raise TaskFileError(f"{where}: {key!r} must be a string, not {value!r:.40}")
    return value
