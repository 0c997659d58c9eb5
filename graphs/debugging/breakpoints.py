"""Breakpoints: where a session stops, given by node, role, verdict, score, token budget or any condition.

A condition sees the state's fields and `node`, `role`, `step`, `round`, `tokens`, `score` and `error`. Breakpoints with
a text can be kept in a file; one with a function lives as long as its session. Not covered: stopping itself
(`execution`).
"""

import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from pydantic import ValidationError

from tutelage.errors import UserError
from tutelage.graphs.debugging.conditions import Condition
from tutelage.graphs.debugging.view import Breakpoint, Place, When
from tutelage.nearest import known_names

__all__ = ["EXTRAS", "Breakpoints", "Occasion", "Where", "latest_score"]

EXTRAS = frozenset({"node", "role", "step", "tokens", "score", "error", "prompt", "visit"})
COMPARISON = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")

Predicate = Callable[[Mapping[str, Any]], Any]
MANNERS = frozenset({"at", "temporary", "commands", "ignore"})
"""What is said of a breakpoint besides its conditions."""


class Where(TypedDict, total=False):
    """Where to stop, besides the node: all that is given must hold; as `Breakpoint` keeps it."""

    at: Place | None
    """Before the node, at its model calls, or after it; by default after it, and at a model call where a role is
    given."""
    role: str | None
    """At model calls of this role."""
    verdict: str | None
    """After a node that wrote this verdict."""
    score: str | None
    """Where the state's latest score compares so, such as "< 0.5"."""
    error: bool
    """At errors. A session stops at them always: for the commands."""
    tokens: int | None
    """Once the branch has read and written more tokens than this."""
    when: Predicate | str | None
    """A condition over the state: a function of it, or a text such as "verdict == 'wrong'"."""
    temporary: bool
    """Only once."""
    commands: Sequence[str]
    """Lines for the console at each hit."""
    ignore: int
    """How many hits to let pass."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """A moment at which a breakpoint may hold."""

    at: When
    node: str
    within: tuple[str, ...]
    state: Mapping[str, Any]
    written: Collection[str] = ()
    """The fields that the node wrote; after it."""
    role: str | None = None
    tokens: int = 0
    """Read and written on the branch so far."""
    before: int = 0
    """The same at the occasion before."""
    step: int = 0
    visit: int = 0
    prompt: str = ""

    @property
    def names(self) -> dict[str, Any]:
        """What a condition sees."""
        own = {
            "node": self.node,
            "role": self.role,
            "step": self.step,
            "tokens": self.tokens,
            "score": latest_score(self.state),
            "error": None,
            "prompt": self.prompt,
            "visit": self.visit,
        }
        return {**own, **self.state}


class Breakpoints:
    """The breakpoints of a session; thread-safe."""

    def __init__(
        self,
        nodes: Collection[str],
        fields: Collection[str],
        keep: Callable[[Mapping[int, Mapping[str, Any]]], None],
    ) -> None:
        """Start without any.

        Args:
            nodes: The nodes there are, inner ones also as "outer/inner".
            fields: The fields of the states.
            keep: Writes those with a text down.
        """
        self._nodes = nodes
        self._fields = fields
        self._keep = keep
        self._lock = threading.RLock()
        self._all: dict[int, Breakpoint] = {}
        self._conditions: dict[int, Condition | Predicate] = {}
        self._failed: set[int] = set()
        """Those whose condition failed at some occasion, as was said."""
        self._last = 0
        self._loading = False

    def add(
        self,
        node: str | None = None,
        *,
        number: int | None = None,
        enabled: bool = True,
        **where: Unpack[Where],
    ) -> Breakpoint:
        """Add one.

        Args:
            node: At this node; an inner one by its name or as "outer/inner".
            number: What to call it; `None` for the next free number.
            enabled: Whether it stops from now on.
            where: See `Where`.

        Raises:
            UserError: There is no such node or field, a value is refused, or there is nothing to stop at.
        """
        given = {name: value for name, value in where.items() if value is not None}
        self._check(node, where)
        when = where.get("when")
        given.setdefault("at", "prompt" if "role" in given and "verdict" not in given else "after")
        given["when"] = _text_of(when) if callable(when) else when
        made = _breakpoint({**given, "node": node, "number": number or 0, "enabled": enabled})
        condition = Condition(when, {*self._fields, *EXTRAS}) if isinstance(when, str) else when
        with self._lock:
            self._last = max(self._last, number) if number else self._last + 1
            made = made.model_copy(update={"number": number or self._last})
            self._all[made.number] = made
            if condition is not None:
                self._conditions[made.number] = condition
            self._write_down()
        return made

    def _check(self, node: str | None, where: Where) -> None:
        score, tokens = where.get("score"), where.get("tokens")
        if node is not None:
            self.check_node(node)
        if score is not None and not COMPARISON.fullmatch(str(score)):
            raise UserError(f"score={score!r} is no comparison; write for example '< 0.5'")
        if isinstance(tokens, int) and tokens < 0:
            raise UserError(f"tokens={tokens!r}: give a number from 0 on")
        if (
            node is None
            and not {name for name, value in where.items() if value not in (None, False)} - MANNERS
        ):
            raise UserError(
                "a breakpoint needs a node, a role, a verdict, a score, a token budget or a condition"
            )

    def check_node(self, node: str) -> None:
        """Make sure that there is such a node.

        Raises:
            UserError: There is none; the nearest is named.
        """
        if node not in self._nodes:
            raise UserError(f"the graph has no node {node!r}; {known_names(node, self._nodes)}")

    def all(self) -> list[Breakpoint]:
        """Give all, by their numbers."""
        with self._lock:
            return [self._all[number] for number in sorted(self._all)]

    def get(self, number: int) -> Breakpoint:
        """Give one.

        Raises:
            UserError: There is none of this number.
        """
        with self._lock:
            if number not in self._all:
                known = ", ".join(map(str, sorted(self._all))) or "none"
                raise UserError(f"there is no breakpoint {number}; there are: {known}")
            return self._all[number]

    def change(self, number: int, **changes: Any) -> Breakpoint:
        """Change one: `enabled`, `ignore`, `commands`, `when` (a text), `temporary`.

        Raises:
            UserError: There is none of this number, or the condition is refused.
        """
        with self._lock:
            known = self.get(number)
            text = changes.get("when")
            condition = None if text is None else Condition(text, {*self._fields, *EXTRAS})
            made = _breakpoint({**known.model_dump(), **changes})
            if "when" in changes:
                self._conditions.pop(number, None)
                self._failed.discard(number)
            if condition is not None:
                self._conditions[number] = condition
            self._all[number] = made
            self._write_down()
            return self._all[number]

    def remove(self, number: int | None = None) -> None:
        """Remove one, or all.

        Raises:
            UserError: There is none of this number.
        """
        with self._lock:
            for each in [self.get(number).number] if number is not None else list(self._all):
                del self._all[each]
                self._conditions.pop(each, None)
            self._write_down()

    def load(self, kept: Sequence[Mapping[str, Any]]) -> None:
        """Take those up that were written down; one whose node or field the graph has no longer is disabled."""
        self._loading = True
        try:
            for data in kept:
                self._take_up(data)
        finally:
            self._loading = False

    def _take_up(self, data: Mapping[str, Any]) -> None:
        try:
            self.add(**data)
        except UserError:
            with self._lock:
                lost = Breakpoint.model_validate({**data, "enabled": False})
                self._all[lost.number] = lost
                self._last = max(self._last, lost.number)

    def hit(self, occasion: Occasion) -> Breakpoint | None:
        """Give the first breakpoint that holds, counted as hit; a temporary one is gone afterwards.

        One whose condition fails holds, too, the first time, and counts as no hit; its `when` says what failed.
        """
        with self._lock:
            for known in self.all():
                try:
                    if not known.enabled or not self._holds(known, occasion):
                        continue
                except Exception as problem:
                    if known.number in self._failed:
                        continue
                    self._failed.add(known.number)
                    return known.model_copy(update={"when": f"{known.when} {_failing(problem)}"})
                if known.ignore > 0:
                    self._all[known.number] = known.model_copy(
                        update={"ignore": known.ignore - 1, "hits": known.hits + 1}
                    )
                    self._write_down()
                    continue
                hit = known.model_copy(update={"hits": known.hits + 1})
                self._all[known.number] = hit
                if known.temporary:
                    self.remove(known.number)
                return hit
        return None

    def reason(self, hit: Breakpoint) -> str:
        """Why a breakpoint stopped."""
        parts = [
            hit.node and f"{hit.at} {hit.node}",
            hit.role and f"role {hit.role}",
            hit.verdict and f"verdict {hit.verdict}",
            hit.score and f"score {hit.score}",
            "error" if hit.error else None,
            None if hit.tokens is None else f"more than {hit.tokens} tokens",
            hit.when,
        ]
        return f"breakpoint {hit.number}: {', '.join(part for part in parts if part)}"

    def _holds(self, known: Breakpoint, occasion: Occasion) -> bool:
        if known.tokens is not None:
            if not occasion.before <= known.tokens < occasion.tokens:
                return False
        elif known.at != occasion.at:
            return False
        if known.error or not _at_node(known.node, occasion):
            return False
        if known.role is not None and known.role != (
            occasion.role if known.at == "prompt" else occasion.node
        ):
            return False
        if known.verdict is not None and not (
            "verdict" in occasion.written and occasion.state.get("verdict") == known.verdict
        ):
            return False
        if known.score is not None and not _compares(latest_score(occasion.state), known.score):
            return False
        condition = self._conditions.get(known.number)
        if isinstance(condition, Condition):
            return condition.holds(occasion.names)
        return condition is None or _holds_for(condition, occasion.state, self._fields)

    def _write_down(self) -> None:
        if self._loading:
            return
        texts = {
            number: known.model_dump(mode="json", exclude={"hits"})
            for number, known in self._all.items()
            if not callable(self._conditions.get(number))
        }
        self._keep(texts)


def latest_score(state: Mapping[str, Any]) -> float | None:
    """The score that a state holds: `score`, `judgement`, or that of the newest candidate that has one."""
    for name in ("score", "judgement"):
        value = state.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    candidates = state.get("candidates")
    for each in reversed(candidates if isinstance(candidates, list) else []):
        if isinstance(each, Mapping) and isinstance(each.get("orm"), int | float):
            return float(each["orm"])
    return None


def _holds_for(condition: Predicate, state: Mapping[str, Any], fields: Collection[str]) -> bool:
    """Whether a function says yes; one that asks for a field that is not set yet does not."""
    try:
        return bool(condition(state))
    except KeyError as missing:
        if any(missing.args == (name,) for name in fields if name not in state):
            return False
        raise


def _failing(problem: Exception) -> str:
    cause = problem.__cause__ if isinstance(problem, UserError) and problem.__cause__ else problem
    told = " ".join(f"{type(cause).__name__}: {cause}".split())
    return f"cannot be evaluated here ({told}), and counts as no wherever it cannot be from now on"


def _at_node(node: str | None, occasion: Occasion) -> bool:
    return node is None or node in (occasion.node, "/".join((*occasion.within, occasion.node)))


def _compares(score: float | None, comparison: str) -> bool:
    match = COMPARISON.fullmatch(comparison)
    if match is None or score is None:
        return False
    return bool(Condition(f"score {match[1]} {match[2]}", {"score"}).value({"score": score}))


def _breakpoint(data: Mapping[str, Any]) -> Breakpoint:
    try:
        return Breakpoint.model_validate(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        of = f" {data['number']}" if data["number"] else ""
        raise UserError(f"breakpoint{of}: {where}={first['input']!r}: {first['msg'].lower()}") from None


def _text_of(when: Predicate) -> str:
    name = getattr(when, "__name__", type(when).__name__)
    return "a function" if name == "<lambda>" else f"{name}(state)"
