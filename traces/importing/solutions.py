"""Importing files of questions and solutions; several solutions of a problem are rollouts of one task.

    {"question": "…", "ground_truth": "… A: 18", "6b": {"solution": "… A: 4", "is_correct": false}, …}
    {"question": "…", "answer": "…\\n#### 18"}
    {"problem": "…", "solution": "…"}
    {"problem": "…", "reference": "18", "solutions": ["…", {"solution": "…", "model": "…", "is_correct": true}]}

The first two are GSM8K's (arXiv 2110.14168): recorded solutions with one key a model, and the data set itself,
whose worked solution is the task's and the turn's. In the last two the problem may also be called `question`
and the reference `answer`, a solution may carry `score`, and other keys become the task's metadata. A solution
becomes a turn that answers the bare problem, and a candidate; a flag becomes the score "is_correct", a number
the score "score", of the candidate and of the rollout. Texts are kept as they are, calculator annotations
included; only the task's own solution is cleaned of them. Not covered: judging (score the run with a verifier).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tutelage.traces.importing.imported import (
    AUTHOR,
    UNKNOWN,
    ImportedCandidate,
    ImportedRollout,
    ImportedScore,
    ImportedTurn,
)
from tutelage.traces.importing.lines import Line
from tutelage.types import Score, Task

__all__ = ["solution_rollouts"]

ANNOTATION = re.compile(r"<<[^<>]*>>")
ANSWER = re.compile(r"^\s*(?:####|A:|answer:)\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
SOLUTION_KEYS = frozenset({"solution", "model", "is_correct", "score"})
TASK_KEYS = frozenset({"answer", "difficulty", "family", "id", "problem", "question", "reference"})


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution and what the file says of it."""

    text: str
    model: str | None = None
    is_correct: bool | None = None
    score: float | None = None


def solution_rollouts(line: Line) -> Iterator[ImportedRollout]:
    """Give one rollout a solution of the line.

    Raises:
        UserError: The line has no problem or no solution, or a value of the wrong type.
    """
    data = line.data
    if "ground_truth" in data:
        task, solutions = _one_key_a_model(line)
    elif "answer" in data and "solution" not in data and "solutions" not in data:
        task, solutions = _worked(line)
    else:
        task, solutions = _plain(line)
    return (_rollout(task, solution) for solution in solutions)


def _rollout(task: Task, solution: Solution) -> ImportedRollout:
    found = ANSWER.findall(solution.text)
    answer = found[-1] if found else None
    right, value = solution.is_correct, solution.score
    scores = []
    if right is not None:
        scores.append(Score(name="is_correct", value=float(right), passed=right))
    if value is not None:
        scores.append(Score(name="score", value=value))
    turn = ImportedTurn(
        messages=({"role": "user", "content": task.problem},),
        completion=solution.text,
        author=AUTHOR if solution.model is None else None,
        model=solution.model or UNKNOWN,
        policy=solution.model or UNKNOWN,
    )
    return ImportedRollout(
        task=task,
        turns=(turn,),
        candidates=(ImportedCandidate(text=solution.text, answer=answer, turn=0),),
        scores=tuple(ImportedScore(score=score, candidate=at) for score in scores for at in (0, None)),
        answer=answer,
    )


def _one_key_a_model(line: Line) -> tuple[Task, list[Solution]]:
    truth = _text(line, line.data, "ground_truth", "the line")
    models = [key for key in line.data if key not in ("question", "ground_truth", "id")]
    if not models:
        raise line.error("no model's solution beside 'question' and 'ground_truth'")
    solutions = []
    for model in models:
        entry = line.data[model]
        if not isinstance(entry, dict):
            raise line.error(f"{model!r} must hold an object with 'solution', not {entry!r:.40}")
        solutions.append(_solution(line, {"model": model, **entry}, repr(model)))
    return _task(line, _text(line, line.data, "question", "the line"), truth), solutions


def _worked(line: Line) -> tuple[Task, list[Solution]]:
    worked = _text(line, line.data, "answer", "the line")
    unknown = sorted(line.data.keys() - {"id", "question", "answer"})
    if unknown:
        raise line.error(f"unknown key {unknown[0]!r} beside 'question' and 'answer'")
    if not ANSWER.search(worked):
        raise line.error(f"'answer' must end in '#### X', but ends in {worked[-40:]!r}")
    return _task(line, _text(line, line.data, "question", "the line"), worked), [Solution(worked)]


def _plain(line: Line) -> tuple[Task, list[Solution]]:
    data = line.data
    if ("solution" in data) == ("solutions" in data):
        raise line.error("a line needs either 'solution' (with 'problem') or a list 'solutions'")
    if "solutions" in data:
        listed = data["solutions"]
        if not isinstance(listed, list) or not listed:
            raise line.error(f"'solutions' must be a list of at least one, not {listed!r:.40}")
        solutions = [_solution(line, each, f"solutions[{at}]") for at, each in enumerate(listed)]
        own = TASK_KEYS | {"solutions"}
    else:
        solutions = [_solution(line, {key: data[key] for key in SOLUTION_KEYS & data.keys()}, "the line")]
        own = TASK_KEYS | SOLUTION_KEYS
    return _plain_task(line, {key: value for key, value in data.items() if key not in own}), solutions


def _solution(line: Line, entry: object, where: str) -> Solution:
    if isinstance(entry, str):
        return Solution(entry)
    if not isinstance(entry, dict):
        raise line.error(f"{where} must be a text or an object with 'solution', not {entry!r:.40}")
    unknown = sorted(entry.keys() - SOLUTION_KEYS)
    if unknown:
        raise line.error(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(SOLUTION_KEYS))}")
    right, score, model = entry.get("is_correct"), entry.get("score"), entry.get("model")
    if not isinstance(right, bool | None):
        raise line.error(f"{where}: 'is_correct' must be true or false, not {right!r:.40}")
    if isinstance(score, bool) or not isinstance(score, int | float | None):
        raise line.error(f"{where}: 'score' must be a number, not {score!r:.40}")
    if not isinstance(model, str | None):
        raise line.error(f"{where}: 'model' must be a string, not {model!r:.40}")
    try:
        value = None if score is None else float(score)
    except OverflowError:
        raise line.error(f"{where}: 'score' is beyond the range of a number") from None
    return Solution(_text(line, entry, "solution", where), model, right, value)


def _plain_task(line: Line, metadata: Mapping[str, Any]) -> Task:
    data = line.data
    problem = _text(line, data, "problem" if "problem" in data else "question", "the line")
    named = data if "reference" in data else {**data, "reference": data.get("answer")}
    fields = {key: named[key] for key in ("reference", "family", "difficulty") if named.get(key) is not None}
    for key in ("reference", "family"):
        if not isinstance(fields.get(key, ""), str):
            raise line.error(f"{key!r} must be a string, not {fields[key]!r:.40}")
    if not isinstance(fields.get("difficulty", 0), int):
        raise line.error(f"'difficulty' must be a whole number, not {fields['difficulty']!r:.40}")
    return _identified(line, {"problem": problem, **fields, "metadata": dict(metadata)})


def _task(line: Line, problem: str, worked: str) -> Task:
    found = ANSWER.findall(worked)
    steps = ANSWER.sub("", ANNOTATION.sub("", worked)).strip()
    fields: dict[str, Any] = {"problem": problem, "solution": steps}
    if found:
        fields |= {"reference": found[-1], "solution": f"{steps}\nanswer: {found[-1]}".strip()}
    return _identified(line, fields)


def _identified(line: Line, fields: dict[str, Any]) -> Task:
    own = line.data.get("id")
    if own is not None and (isinstance(own, bool) or not isinstance(own, str | int)):
        raise line.error(f"'id' must be a string or a whole number, not {own!r:.40}")
    content = json.dumps(fields, sort_keys=True)
    return Task(id=sha256(content.encode()).hexdigest()[:16] if own is None else str(own), **fields)


def _text(line: Line, entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise line.error(f"{where}: {key!r} must be a string, not {value!r:.40}")
    return value
