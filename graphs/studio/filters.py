"""The language of filters: `status:done role:reviewer -passed:true tokens>500 "two words"`.

A filter is words with spaces between them that must all hold. `field:value` wants a value, in any case, `*` standing
for anything; `field:a,b` any of several; `field:none` no value; `>`, `>=`, `<`, `<=` and `field:10..20` compare
numbers; a minus in front turns a word round. `judged:wrong/right` wants a review that said wrong of what is right. A
word without a field is searched for in completions and problems, and quotes keep spaces together. Rollouts that are
abandoned are left out unless `status:` asks for them. What a filter does not understand is an error that says what it
could have said.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate

import numpy

from tutelage.errors import UserError
from tutelage.graphs.studio.fields import FIELDS, Field, Mask
from tutelage.graphs.studio.index import RunIndex
from tutelage.graphs.studio.search import Search
from tutelage.nearest import near

__all__ = ["Answer", "Term", "UnknownField", "chosen", "parse"]

TERM = re.compile(r'(-?)(?:([A-Za-z_]+)(:|>=|<=|>|<))?("(?:[^"\\]|\\.)*"?|[^\s"]*)', re.DOTALL)
NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"({NUMBER})?\.\.({NUMBER})?")
LONGEST = 4000
"""Characters of a filter."""


class UnknownField(UserError):
    """A filter speaks of a field that there is not."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a filter."""

    field: str
    operator: str
    """":", ">", ">=", "<" or "<="."""
    value: str
    negated: bool = False
    quoted: bool = False
    """Commas and stars in it are themselves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Which rollouts a filter chooses."""

    mask: Mask
    searched: float
    """How much of the texts was looked through, 0 to 1."""


def parse(text: str) -> tuple[Term, ...]:
    """Read a filter.

    Raises:
        UserError: It is not understood; an `UnknownField` where a field is not known.
    """
    if len(text) > LONGEST:
        raise UserError(f"a filter has up to {LONGEST} characters, not {len(text)}")
    terms = tuple(_terms(text))
    for term in terms:
        _check(term)
    return terms


def chosen(index: RunIndex, search: Search, terms: tuple[Term, ...]) -> Answer:
    """Choose rollouts: those for which all terms hold."""
    abandoned = any(term.field == "status" and not term.negated for term in terms)
    mask = numpy.ones(index.size, bool) if abandoned else index.counts.copy()
    searched = 1.0
    for term in terms:
        fits, share = _fitting(index, search, term)
        searched = min(searched, share)
        mask &= ~fits if term.negated else fits
    return Answer(mask, searched)


def _terms(text: str) -> Iterator[Term]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = TERM.match(text, at)
        if match is None or match.end() == at:
            raise UserError(
                f"the filter is not understood from {text[at : at + 20]!r} on; put text into quotes"
            )
        minus, field, operator, value = match.groups()
        at = match.end()
        quoted = value.startswith('"')
        if quoted:
            value = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'), flags=re.DOTALL)
        if not value and field is None:
            if minus:
                yield Term("text", ":", "-", quoted=True)
            continue
        yield Term((field or "text").lower(), operator or ":", value, bool(minus), quoted)


def _check(term: Term) -> None:
    field = FIELDS.get(term.field)
    if field is None:
        raise UnknownField(
            f"there is no field {term.field!r}{near(term.field, FIELDS)}; known are {', '.join(FIELDS)}; "
            "to search for the text, put it into quotes"
        )
    if not term.value:
        raise UserError(
            f"{term.field}{term.operator} needs a value behind it; to search for the text, put it into quotes"
        )
    if field.kind == "number":
        _bounds(term)
    elif term.operator != ":":
        raise UserError(f"{term.field} is no number; write {term.field}:VALUE")
    elif field.values and not term.quoted:
        for value in term.value.lower().split(","):
            if "*" not in value and value not in (*field.values, "none"):
                raise UserError(f"{term.field} is {', '.join(field.values)}, not {value!r}")


def _fitting(index: RunIndex, search: Search, term: Term) -> tuple[Mask, float]:
    if term.field == "text":
        return _saying(index, search, term.value)
    field = FIELDS[term.field]
    if field.numbers is not None:
        return _comparing(field.numbers(index), term), 1.0
    assert field.fitting is not None
    return field.fitting(index, Wanted.of(term, field)), 1.0


def _saying(index: RunIndex, search: Search, word: str) -> tuple[Mask, float]:
    found = search.find(word)
    mask = numpy.zeros(index.size, bool)
    numbers = [number for number in found.rollouts if number <= index.size]
    mask[numpy.array(numbers, int) - 1] = True
    if found.tasks:
        mask |= numpy.isin(index.spread("states", 1), list(found.tasks))
    return mask, found.share


def _comparing(numbers: numpy.typing.NDArray[numpy.float64], term: Term) -> Mask:
    low, high, strict, none = _bounds(term)
    if none:
        return numpy.isnan(numbers)
    with numpy.errstate(invalid="ignore"):
        if strict:
            return (numbers > low) & (numbers < high)
        return (numbers >= low) & (numbers <= high)


def _bounds(term: Term) -> tuple[float, float, bool, bool]:
    """The least and the greatest number wanted, whether these are left out, and whether none is wanted."""
    if term.operator == ":":
        if term.value.lower() == "none":
            return 0.0, 0.0, False, True
        if term.value == "*":
            return -numpy.inf, numpy.inf, False, False
        match = RANGE.fullmatch(term.value)
        if match is not None and match[0] != "..":
            return float(match[1] or -numpy.inf), float(match[2] or numpy.inf), False, False
        number = _number(term)
        return number, number, False, False
    number = _number(term)
    above = term.operator.startswith(">")
    strict = len(term.operator) == 1
    return (number, numpy.inf, strict, False) if above else (-numpy.inf, number, strict, False)


def _number(term: Term) -> float:
    if not re.fullmatch(NUMBER, term.value):
        raise UserError(f"{term.field}{term.operator}{term.value}: {term.value!r} is no number")
    return float(term.value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the text of a field must look like."""

    whole: frozenset[str]
    """It is one of these …"""
    parts: tuple[str, ...]
    """… or holds one of these …"""
    likes: tuple[re.Pattern[str], ...]
    """… or looks like one of these …"""
    nothing: bool
    """… or is not there."""

    @classmethod
    def of(cls, term: Term, field: Field) -> "Wanted":
        """Read a term's value."""
        values = [term.value] if term.quoted else [each for each in term.value.split(",") if each]
        folded = [each.casefold() for each in values]
        starred = [each for each in folded if "*" in each and not term.quoted]
        plain = [each for each in folded if each not in starred]
        return cls(
            frozenset(() if field.kind == "part" else plain),
            tuple(plain if field.kind == "part" else ()),
            tuple(re.compile(translate(re.sub(r"([\[?])", r"[\1]", each))) for each in starred),
            not term.quoted and "none" in folded,
        )

    def over(self, texts: Sequence[str | None]) -> list[bool]:
        """See `Pattern.over`."""
        if len(self.parts) == 1 and not self.likes:
            (part,), nothing = self.parts, self.nothing
            return [nothing if text is None else part in text for text in texts]
        if not self.parts and not self.likes:
            whole, nothing = self.whole, self.nothing
            return [nothing if text is None else text in whole for text in texts]
        return [self.nothing if text is None else self._fits(text) for text in texts]

    def _fits(self, text: str) -> bool:
        return (
            text in self.whole
            or any(part in text for part in self.parts)
            or any(like.match(text) is not None for like in self.likes)
        )
