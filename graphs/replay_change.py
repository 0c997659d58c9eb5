"""What came out otherwise in a replay: the ends of rollouts, field by field, recorded and now.

Ids of turns are given anew in every run; in a final state they are equal where they name the same sample of the
same call. Where no final state is on record, none is compared. Not covered: candidates (the record keeps them
beside the state), and why a rollout failed.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pydantic import JsonValue

from tutelage.printable import printable
from tutelage.traces import Rollout, Run

__all__ = ["Change", "Key", "Outcome", "changes_of", "outcomes"]

Key = tuple[str, int]
"""Task id and repeat."""

WIDTH = 120
"""Characters of a value that are shown."""


class Outcome(NamedTuple):
    """How a rollout ended."""

    rollout_id: str
    status: str
    answer: str | None
    passed: bool | None
    output: JsonValue


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that came out otherwise."""

    task_id: str
    repeat: int
    what: str
    """`"status"`, `"answer"`, `"passed"`, or `"output.FIELD"` for a field of the final state."""
    recorded: object
    """`None` also where the final state had no such field."""
    now: object

    def __str__(self) -> str:
        """Both values in a line."""
        values = f"recorded {_short(self.recorded)}, now {_short(self.now)}"
        return f"task {self.task_id!r}, repeat {self.repeat}: {self.what} {values}"


def outcomes(run: Run, ended: Sequence[Rollout], verifier: str) -> dict[Key, Outcome]:
    """Read how rollouts ended.

    Args:
        run: The run.
        ended: Its rollouts that ended.
        verifier: The name of the score that says whether a rollout passed.
    """
    scores = run.scores(subject="rollout")
    passed = {each.rollout_id: each.score.passed for each in scores if each.score.name == verifier}
    return {
        (each.task.id, each.repeat): Outcome(
            each.id, each.status, each.answer, passed.get(each.id), each.output
        )
        for each in ended
    }


def changes_of(
    recorded: Run, before: Mapping[Key, Outcome], again: Run, after: Mapping[Key, Outcome]
) -> Iterator[Change]:
    """Compare the outcomes of a replay with those on record; both runs are open."""
    for key, now in after.items():
        was = before[key]
        for what in ("status", "answer", "passed"):
            one, other = getattr(was, what), getattr(now, what)
            if one != other:
                yield Change(*key, what, one, other)
        if was.status == now.status and was.output is not None and was.output != now.output:
            names = partial(_neutral, recorded, was.rollout_id), partial(_neutral, again, now.rollout_id)
            yield from _states(key, was.output, now.output, *names)


def _states(
    key: Key,
    was: JsonValue,
    now: JsonValue,
    neutral_was: Callable[[object], str],
    neutral_now: Callable[[object], str],
) -> Iterator[Change]:
    """The fields of a final state that differ in more than the ids of turns."""
    before, after = _fields(was), _fields(now)
    for name in before | after:
        one, other = before.get(name), after.get(name)
        if one != other and neutral_was(one) != neutral_now(other):
            yield Change(*key, name, one, other)


def _fields(output: JsonValue) -> dict[str, Any]:
    if not isinstance(output, dict):
        return {"output": output}
    return {f"output.{name}": value for name, value in output.items()}


def _neutral(run: Run, rollout_id: str, value: object) -> str:
    """A value as JSON, the ids of turns replaced by what they name."""
    text = json.dumps(value, sort_keys=True)
    for turn in run.iter_turns(rollout_id):
        text = text.replace(turn.id, f"turn {turn.call}.{turn.sample}")
    return text


def _short(value: object) -> str:
    text = printable(repr(value))
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
