"""A list of turns that were asked for, a line each, as they are found."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from tutelage.cli.options import print_json
from tutelage.cli.output import echo
from tutelage.cli.scene import said
from tutelage.cli.tables import Column, echo_table
from tutelage.cli.wording import passing, short

if TYPE_CHECKING:
    from tutelage.traces import Run
    from tutelage.traces.looking import Seen, Wanted

__all__ = ["list_turns"]

COLUMNS = (
    Column("turn"),
    Column("task", cuttable=True),
    Column("role", cuttable=True),
    Column("says"),
    Column("score"),
    Column("text", cuttable=True, widest=120),
)


def list_turns(run: "Run", wanted: "Wanted", limit: int | None, json_: bool) -> int:
    """Print the turns that are wanted; give 1 where there are none."""
    from tutelage.traces.looking import look

    found = islice(look(run, wanted), limit)
    if json_:
        count = 0
        for count, seen in enumerate(found, 1):  # noqa: B007
            print_json(numbers(seen))
    else:
        count = echo_table(COLUMNS, _cells(found))
    if not count:
        echo("tutelage: no turn is like this", err=True)
    return 0 if count else 1


def numbers(seen: "Seen") -> dict[str, Any]:
    """A turn as plain data, without its prompt."""
    turn, score = seen.turn, seen.score
    return {
        "turn_id": turn.id,
        "rollout_id": turn.rollout.id,
        "run_id": turn.rollout.run_id,
        "task_id": seen.story.task.id,
        "repeat": turn.rollout.repeat,
        "role": turn.speaker.role,
        "node": turn.speaker.node,
        "policy": turn.speaker.policy,
        "call": turn.call,
        "sample": turn.sample,
        "parents": list(turn.parents),
        "verdict": seen.verdict,
        "score": {"value": score.value, "passed": score.passed, "of": score.source},
        "completion": turn.completion,
        "tool_calls": list(turn.tool_calls),
        "finish_reason": turn.finish_reason,
        "error": turn.error,
    }


def _cells(found: "Iterator[Seen]") -> Iterator[list[str]]:
    for seen in found:
        turn = seen.turn
        yield [
            short(turn.id),
            seen.story.task.id,
            turn.speaker.role,
            seen.verdict or "",
            "failed" if turn.error is not None else passing(seen.score.passed, seen.score.value),
            said(turn),
        ]
