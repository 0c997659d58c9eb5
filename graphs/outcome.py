"""The end of a rollout: its final state is judged and put on record.

The run's verifier judges the solution and every candidate, so that wrong turned right can be counted; what a
scorer inside the graph said of a candidate is recorded beside it. Judging may take time and runs in a thread;
recording is quick and happens at once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel, JsonValue

from tutelage.agents import CandidateState
from tutelage.graphs.state import candidates_in, solution_in
from tutelage.tools import Verifier
from tutelage.traces import RolloutRecorder
from tutelage.types import Score, Task

__all__ = ["Judged", "Outcome", "judge", "plain_state", "plain_value", "record"]

ON_RECORD = frozenset({"candidates", "feedback", "lineage", "pool", "problem", "task"})
"""Fields of the state that the record holds already, or that mean nothing outside the loop."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A text with what the run's verifier says of it."""

    answer: str | None
    score: Score


@dataclass(frozen=True, slots=True)
class Outcome:
    """A final state, judged."""

    final: Judged
    """The solution."""
    candidates: tuple[tuple[CandidateState, Judged], ...]
    """Every candidate, in the order they were made."""
    output: dict[str, JsonValue]
    """What else the state holds, as plain data."""


def judge(verifier: Verifier, task: Task, state: Mapping[str, Any]) -> Outcome:
    """Judge a final state; equal texts are judged once.

    Raises:
        UserError: the verifier cannot judge this task.
    """
    known: dict[str, Judged] = {}

    def one(text: str) -> Judged:
        if text not in known:
            known[text] = Judged(verifier.answer(text), verifier.score(task, text))
        return known[text]

    candidates = tuple((each, one(each["text"])) for each in candidates_in(state))
    return Outcome(one(solution_in(state)), candidates, plain_state(state))


async def record(recorder: RolloutRecorder, outcome: Outcome) -> None:
    """Write candidates, scores and the end of the rollout, all or nothing."""
    async with recorder.together():
        _record(recorder, outcome)


def _record(recorder: RolloutRecorder, outcome: Outcome) -> None:
    ids: dict[str, str] = {}
    for each, judged in outcome.candidates:
        made = recorder.candidate(
            each["text"],
            answer=judged.answer,
            parents=[ids[parent] for parent in each["parents"] if parent in ids],
            turn_id=each["turn_id"],
            round=each["round"],
        )
        ids[each["id"]] = made.id
        for score in _scores(each, judged.score):
            recorder.score(score, subject="candidate", subject_id=made.id)
    recorder.score(outcome.final.score)
    recorder.finish(outcome.final.answer, outcome.output)


def _scores(candidate: CandidateState, verified: Score) -> list[Score]:
    name, outcome, steps = candidate["scorer"], candidate["orm"], candidate["prm"]
    if name is None or outcome is None or name == verified.name:
        return [verified]
    return [Score(name=name, value=outcome, steps=None if steps is None else tuple(steps)), verified]


def plain_state(state: Mapping[str, Any]) -> dict[str, JsonValue]:
    """The fields of a state that are not on record elsewhere, as JSON can hold them."""
    return {str(key): plain_value(value) for key, value in state.items() if key not in ON_RECORD}


def plain_value(value: Any) -> JsonValue:
    """A value as JSON can hold it; what is no plain data becomes its text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseMessage):
        return {"type": value.type, "content": plain_value(value.content)}
    if isinstance(value, BaseModel):
        return plain_value(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): plain_value(each) for key, each in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [plain_value(each) for each in value]
    return str(value)
