"""Two sides by side: states field by field, and rollouts turn by turn with their texts, states and scores.

Rollouts are compared along their whole paths, so that two branches of a session share their first turns. Turns are
aligned in order by who spoke: the role, the node and the number of the sample. Texts are compared as in
`text_differences`. Not covered: more than two at a time (`Spread` counts many).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from tutelage.graphs.debugging.lineage import Family, path_of
from tutelage.graphs.debugging.text_differences import Piece, align, compare_texts
from tutelage.graphs.debugging.view import Change
from tutelage.printable import printable
from tutelage.traces import Run, Turn
from tutelage.types import Data, Score

__all__ = [
    "Difference",
    "Piece",
    "ScorePair",
    "TurnPair",
    "compare_rollouts",
    "compare_states",
    "compare_texts",
    "prompt_text",
]


WIDTH = 60
"""Characters of a value in a line of a difference."""


class ScorePair(Data):
    """A score of both sides; `None` where a side has none."""

    name: str
    a: Score | None = None
    b: Score | None = None


class TurnPair(Data):
    """A turn of each side; `None` where a side has none in this place."""

    a: str | None
    b: str | None
    role: str
    node: str | None = None
    same: bool
    """Equal prompts and equal answers, or the very same turn."""
    prompt: tuple[Piece, ...] = ()
    """How the prompts differ; none where they are equal, or a side has no turn."""
    completion: tuple[Piece, ...] = ()
    """How the answers differ; the whole answer where a side has no turn, none where they are equal."""
    scores: tuple[ScorePair, ...] = ()


class Difference(Data):
    """Two rollouts side by side."""

    a: str
    b: str
    answers: tuple[str | None, str | None]
    statuses: tuple[str, str]
    turns: tuple[TurnPair, ...]
    """In order along the paths."""
    parted: int | None = None
    """Which of `turns` is the first that is not the same; `None` where all are."""
    fields: tuple[Change, ...] = ()
    """How the final states differ."""
    scores: tuple[ScorePair, ...] = ()
    """Of the rollouts."""

    def __str__(self) -> str:
        """What differs, a line each: answers, scores, fields, and from which turn on."""
        one, other = self.answers
        lines = [f"answer {one} | {other}"]
        for pair in self.scores:
            values = ["-" if each is None else f"{each.value:g}" for each in (pair.a, pair.b)]
            lines.append(f"{pair.name} {values[0]} | {values[1]}")
        if self.parted is not None:
            lines.append(
                f"they part at turn {self.parted + 1} of {len(self.turns)}, {self.turns[self.parted].role}"
            )
        lines += [f"{each.field}: {_short(each.before)} | {_short(each.after)}" for each in self.fields]
        return "\n".join(printable(line) for line in lines)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def compare_states(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    """Give the fields whose values differ, in the order of the first state and then of the second, as plain data.

    A field that one side has not is `None` there.
    """
    found = []
    for name in dict.fromkeys((*a, *b)):
        before, after = _plain(a.get(name)), _plain(b.get(name))
        if before != after or (name in a) != (name in b):
            found.append(Change(field=name, before=before, after=after))
    return tuple(found)


def compare_rollouts(
    run: Run,
    a: str,
    b: str,
    *,
    paths: tuple[Iterable[str], Iterable[str]] | None = None,
    states: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
) -> Difference:
    """Compare two rollouts of a run, whatever became of them.

    Args:
        run: The run.
        a: The first one's id.
        b: The second one's id.
        paths: Ids of the turns along each path; by default a rollout's turns after those that led to them.
        states: The states to compare; by default the outputs of the rollouts.

    Raises:
        UserError: There is no such rollout.
    """
    first, second, family = run.rollout(a), run.rollout(b), Family(run)
    family.read(a)
    family.read(b)
    if paths is None:
        ours, theirs = path_of(run, a), path_of(run, b)
    else:
        ours, theirs = (tuple(found for each in path if (found := family.turn(each))) for path in paths)
    before, after = states or (_state(first.output), _state(second.output))
    turns = tuple(_pairs(family, ours, theirs))
    return Difference(
        a=a,
        b=b,
        answers=(first.answer, second.answer),
        statuses=(first.status, second.status),
        turns=turns,
        parted=next((number for number, pair in enumerate(turns) if not pair.same), None),
        fields=compare_states(before, after),
        scores=_scores(family.scores(a), family.scores(b)),
    )


def prompt_text(turn: Turn) -> str:
    """Give a prompt as one text to compare: each message under its role."""
    return "\n".join(
        f"{message.get('role')}:\n{_content(message.get('content'))}\n" for message in turn.messages
    )


def _pairs(family: Family, a: Sequence[Turn], b: Sequence[Turn]) -> Iterator[TurnPair]:
    shared = 0
    while shared < min(len(a), len(b)) and a[shared].id == b[shared].id:
        yield _pair(family, a[shared], b[shared])
        shared += 1
    ours, theirs = a[shared:], b[shared:]
    for same, (start, end, other, stop) in align([_speaker(turn) for turn in ours], [*map(_speaker, theirs)]):
        if same:
            yield _pair(family, ours[start], theirs[other])
        else:
            yield from (_pair(family, turn, None) for turn in ours[start:end])
            yield from (_pair(family, None, turn) for turn in theirs[other:stop])


def _pair(family: Family, a: Turn | None, b: Turn | None) -> TurnPair:
    some = a or b
    assert some is not None
    prompt: tuple[Piece, ...] = ()
    completion: tuple[Piece, ...] = ()
    if a is None or b is None:
        completion = compare_texts("" if a is None else _said(a), "" if b is None else _said(b))
    elif a.id != b.id:
        prompt, completion = _unless_equal(prompt_text(a), prompt_text(b)), _unless_equal(_said(a), _said(b))
    return TurnPair(
        a=None if a is None else a.id,
        b=None if b is None else b.id,
        role=some.role,
        node=some.node,
        same=a is not None and b is not None and not prompt and not completion,
        prompt=prompt,
        completion=completion,
        scores=_scores(_of_turn(family, a), _of_turn(family, b)),
    )


def _speaker(turn: Turn) -> str:
    return f"{turn.role}\0{turn.node}\0{turn.sample}"


def _unless_equal(a: str, b: str) -> tuple[Piece, ...]:
    return () if a == b else compare_texts(a, b)


def _said(turn: Turn) -> str:
    """What a turn said and called, or why it did not."""
    called = "".join(f"\n{_content(call.get('function'))}" for call in turn.tool_calls)
    return turn.completion + called if turn.error is None else f"{turn.completion}{called}\n{turn.error}"


def _of_turn(family: Family, turn: Turn | None) -> tuple[Score, ...]:
    if turn is None:
        return ()
    return family.scores(turn.id, *(candidate.id for candidate in family.written(turn.id)))


def _scores(a: Iterable[Score], b: Iterable[Score]) -> tuple[ScorePair, ...]:
    ours, theirs = ({score.name: score for score in side} for side in (a, b))
    return tuple(
        ScorePair(name=name, a=ours.get(name), b=theirs.get(name)) for name in dict.fromkeys((*ours, *theirs))
    )


def _state(output: JsonValue) -> Mapping[str, Any]:
    return output if isinstance(output, dict) else {} if output is None else {"output": output}


def _content(content: object) -> str:
    return content if isinstance(content, str) else "" if content is None else str(content)


def _plain(value: Any) -> JsonValue:
    """A value of a state as JSON can hold it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(each) for each in value), key=repr)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(each) for each in value]
    return str(value)
