"""What a rollout can be filtered and sorted by: the fields, by name, each with how it is read.

`number` fields give a number for every place, `name` fields a text, `told` fields whether any of several texts fits.
Not covered: the language that speaks of them (`filters`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy
from numpy.typing import NDArray

from tutelage.graphs.studio.index import STATUSES, Matrix, RunIndex

__all__ = ["FIELDS", "JUDGED", "SAID", "SORTS", "VERDICTS", "Field", "Mask", "Pattern", "judged", "ranks"]

Mask: TypeAlias = NDArray[numpy.bool_]
Texts: TypeAlias = Callable[[RunIndex], Sequence[str | None]]
"""One text a place."""

SAID = {1.0: "right", 0.0: "wrong"}
VERDICTS = ("right", "wrong", "none")
JUDGED = tuple(f"{said}/{truth}" for said in VERDICTS for truth in VERDICTS)
"""What a review said, and what was so; "none" where it said nothing, or nobody knows."""
NUMERIC = frozenset("0123456789+-.")
RIGHT, WRONG = ("true", "right", "yes"), ("false", "wrong", "no")


class Pattern(Protocol):
    """What a text must look like."""

    def over(self, texts: Sequence[str | None]) -> list[bool]:
        """Say of each text, without upper case, whether it fits; `None` stands for no value."""


class Encoded(NamedTuple):
    """The texts of all places, equal ones once."""

    codes: NDArray[numpy.int32]
    texts: list[str | None]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a filter may speak of."""

    kind: Literal["number", "name", "part"]
    """A number; a text that is meant as a whole; a text of which a part is meant."""
    numbers: Callable[[RunIndex], Matrix] | None = None
    fitting: Callable[[RunIndex, Pattern], Mask] | None = None
    """Which places have a text that fits."""
    values: tuple[str, ...] = ()
    """All that there can be, where that is fixed."""


def _encoded(index: RunIndex, texts: Texts) -> Encoded:
    def make() -> Encoded:
        known: dict[str | None, int] = {}
        codes = [known.setdefault(text, len(known)) for text in texts(index)]
        return Encoded(numpy.array(codes, numpy.int32), list(known))

    found: Encoded = index.derived(("encoded", texts), make)
    return found


def _one(texts: Texts) -> Callable[[RunIndex, Pattern], Mask]:
    """Fit the one text of each place."""

    def fitting(index: RunIndex, pattern: Pattern) -> Mask:
        encoded = _encoded(index, texts)

        def fold() -> list[str | None]:
            return [None if text is None else text.casefold() for text in encoded.texts]

        folded = index.derived(("folded", texts), fold)
        fits: Mask = numpy.array(pattern.over(folded), bool)
        chosen: Mask = fits[encoded.codes]
        return chosen

    return fitting


def _named(column: int) -> Texts:
    return lambda index: [each[column] for each in index.all_named()]


def _of_task(name: str) -> Texts:
    def read(index: RunIndex) -> list[str | None]:
        facts = {number: getattr(task, name) or None for number, task in index.all_tasks().items()}
        return [facts.get(number) for number in index.task_numbers]

    return read


def _spoken(name: str) -> Callable[[RunIndex, Pattern], Mask]:
    """Fit any of a rollout's speakers."""

    def fitting(index: RunIndex, pattern: Pattern) -> Mask:
        part = index.part("shares")
        told = [getattr(who, name) for who in index.speakers.values()]
        fits = pattern.over([None if text is None else text.casefold() for text in told])
        wanted = [number for number, fit in zip(index.speakers, fits, strict=True) if fit]
        return _any(index, part[numpy.isin(part[:, 1], wanted), 0])

    return fitting


def _said(index: RunIndex, pattern: Pattern) -> Mask:
    """Fit any of a rollout's verdicts; nothing fits where it has none."""
    part = index.part("verdicts")
    right, wrong, none = pattern.over(VERDICTS)
    said = part[:, 1]
    fits = ((said == 1) & right) | ((said == 0) & wrong) | (numpy.isnan(said) & none)
    return _any(index, part[fits, 0])


def judged(said: float, truth: float) -> str:
    """Give a verdict and the truth as a filter names them."""
    return f"{SAID.get(said, 'none')}/{SAID.get(truth, 'none')}"


def _judged(index: RunIndex, pattern: Pattern) -> Mask:
    """Fit any of a rollout's reviews, by verdict and truth together; nothing fits where it has none."""
    part = index.part("judgements")
    said, truth = (numpy.where(numpy.isnan(part[:, at]), 2, 1 - part[:, at]).astype(int) for at in (1, 2))
    fits = numpy.array(pattern.over(JUDGED), bool)[len(VERDICTS) * said + truth]
    return _any(index, part[fits, 0])


def _status(index: RunIndex, pattern: Pattern) -> Mask:
    fits: Mask = numpy.array(pattern.over(STATUSES), bool)[index.status]
    return fits


def _passed(index: RunIndex, pattern: Pattern) -> Mask:
    """Right or wrong; both go by several names."""
    passed = index.spread("outcomes", 2)
    yes, no = any(pattern.over(RIGHT)), any(pattern.over(WRONG))
    (none,) = pattern.over([None])
    fits: Mask = ((passed == 1) & yes) | ((passed == 0) & no) | (numpy.isnan(passed) & none)
    return fits


def _difficulty(index: RunIndex) -> Matrix:
    def make() -> Matrix:
        facts = {number: task.difficulty for number, task in index.all_tasks().items()}
        return numpy.array([facts.get(number) for number in index.task_numbers], float)

    found: Matrix = index.derived("difficulty", make)
    return found


def _any(index: RunIndex, numbers: Matrix) -> Mask:
    mask = numpy.zeros(index.size, bool)
    mask[numbers.astype(int) - 1] = True
    return mask


def _seconds(index: RunIndex) -> Matrix:
    seconds: Matrix = index.spread("states", 5) - index.spread("states", 4)
    return seconds


def _tokens(index: RunIndex) -> Matrix:
    tokens: Matrix = index.sums(2) + index.sums(3)
    return tokens


ID, ANSWER, ERROR = (_named(column) for column in range(3))
FAMILY, REFERENCE, TASK = (_of_task(name) for name in ("family", "reference", "id"))

FIELDS: Mapping[str, Field] = {
    "answer": Field("name", fitting=_one(ANSWER)),
    "difficulty": Field("number", _difficulty),
    "error": Field("part", fitting=_one(ERROR)),
    "family": Field("name", fitting=_one(FAMILY)),
    "id": Field("part", fitting=_one(ID)),
    "judged": Field("name", fitting=_judged, values=JUDGED),
    "node": Field("name", fitting=_spoken("node")),
    "passed": Field(
        "name",
        fitting=_passed,
        values=(*RIGHT, *WRONG, "none"),
    ),
    "policy": Field("part", fitting=_spoken("policy")),
    "repeat": Field("number", lambda index: index.spread("states", 2)),
    "role": Field("name", fitting=_spoken("role")),
    "rounds": Field("number", lambda index: index.spread("rounds", 1)),
    "seconds": Field("number", _seconds),
    "status": Field("name", fitting=_status, values=STATUSES),
    "task": Field("name", fitting=_one(TASK)),
    "text": Field("part"),
    "tokens": Field("number", _tokens),
    "turns": Field("number", lambda index: index.sums(4)),
    "value": Field("number", lambda index: index.spread("outcomes", 1)),
    "verdict": Field("name", fitting=_said, values=VERDICTS),
}
"""By name; "text" is answered by the search."""

TEXTS: Mapping[str, Texts] = {
    "answer": ANSWER,
    "error": ERROR,
    "family": FAMILY,
    "id": ID,
    "reference": REFERENCE,
    "task": TASK,
}
NUMBERS: Mapping[str, Callable[[RunIndex], Matrix]] = {
    **{name: field.numbers for name, field in FIELDS.items() if field.numbers is not None},
    "completion_tokens": lambda index: index.sums(3),
    "passed": lambda index: index.spread("outcomes", 2),
    "prompt_tokens": lambda index: index.sums(2),
    "started": lambda index: index.spread("states", 4),
    "status": lambda index: index.status.astype(float),
    "verdicts": lambda index: index.spread("verdicts", 1),
}
SORTS = tuple(sorted({*TEXTS, *NUMBERS}))
"""What the table can be sorted by."""


def ranks(index: RunIndex, name: str) -> Matrix:
    """Give a number for every place that sorts as its value does; not a number where it has none."""
    if name in NUMBERS:
        return NUMBERS[name](index)

    def make() -> Matrix:
        encoded = _encoded(index, TEXTS[name])
        known = [text for text in encoded.texts if text is not None]
        order = {text: float(at) for at, text in enumerate(sorted(known, key=_natural))}
        of_text = numpy.array([numpy.nan if text is None else order[text] for text in encoded.texts])
        return of_text[encoded.codes]

    found: Matrix = index.derived(("rank", name), make)
    return found


def _natural(text: str) -> tuple[float, str]:
    """Numbers before words, and by their size."""
    if text[:1] in NUMERIC:
        try:
            return float(text), text
        except ValueError:
            pass
    return math.inf, text.casefold()
