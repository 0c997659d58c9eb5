"""Breakpoints as text: what `b` takes, and the line that shows one.

    [before|after|prompt] [NODE] [role:R] [verdict:V] [error] [tokens > N] [score < X] [when CONDITION | , CONDITION]

Not covered: whether the node, the role and the fields of a condition exist; the session says that.
"""

import re
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.graphs.console.styled import Line, Span, line

if TYPE_CHECKING:
    from tutelage.graphs.debugging.view import Breakpoint

__all__ = ["breakpoint_line", "wanted"]

PLACES = ("before", "after", "prompt")
MOST_DIGITS = 15
"""Of a count of tokens."""
PIECE = re.compile(
    r"""\s*(?:
        (?P<key>role|verdict|node):\s*(?P<value>[^\s,]+)
      | tokens\s*>\s*(?P<tokens>[0-9]+(?:_[0-9]+)*)(?![.\w])
      | score\s*(?P<score>(?:<=|>=|==|!=|<|>)\s*-?[0-9]+(?:\.[0-9]+)?)(?![.\w])
      | (?P<wrong>tokens|score)\s*(?P<compared>[<>=!][^,]*)
      | (?P<error>error)(?!\S)
      | (?P<place>before|after|prompt)(?!\S)
      | when\s+(?P<when>.+)
      | ,\s*(?P<condition>.+)
      | (?P<name>[^\s,]+)
    )\s*""",
    re.VERBOSE | re.DOTALL,
)


def wanted(text: str) -> dict[str, Any]:
    """Read what stands after `b` as the arguments of `Session.break_on`.

    Raises:
        UserError: Nothing is said, one thing twice, or a number is none.
    """
    found: dict[str, Any] = {}
    position = 0
    while position < len(text.rstrip()):
        match = PIECE.match(text, position)
        if match is None:
            raise UserError(f"{text[position:].strip()!r} is no place to stop; help break shows what is")
        position = match.end()
        key, value = _read(match)
        if key in found:
            raise UserError(f"{text.strip()!r} says {key} twice; everything that is given must hold")
        found[key] = value
    if not found.keys() - {"at"}:
        raise UserError(
            "say where to stop: a node, role:R, verdict:V, error, tokens > N, score < X or a condition"
        )
    return found if "at" in found else {**found, "at": _usual(found)}


def breakpoint_line(each: "Breakpoint") -> Line:
    """Show a breakpoint on one line, in the words that `b` takes."""
    parts = [each.at, *([each.node] if each.node else [])]
    parts += [f"{key}:{value}" for key in ("role", "verdict") if (value := getattr(each, key)) is not None]
    parts += ["error"] if each.error else []
    parts += [f"tokens > {each.tokens}"] if each.tokens is not None else []
    parts += [f"score {each.score}"] if each.score is not None else []
    parts += [f"when {each.when}"] if each.when is not None else []
    notes = [f"hit {each.hits} time{'s' * (each.hits != 1)}"] if each.hits else []
    notes += ["once"] if each.temporary else []
    notes += [] if each.enabled else ["disabled"]
    notes += [f"ignores {each.ignore} more"] if each.ignore else []
    notes += [f"does {' ;; '.join(each.commands)}"] if each.commands else []
    return line(
        Span(f"breakpoint {each.number}", "bold" if each.enabled else "dim"),
        f": {' '.join(parts)}",
        Span(f"  ({', '.join(notes)})" if notes else "", "dim"),
    )


def _read(match: re.Match[str]) -> tuple[str, Any]:
    groups = {key: value for key, value in match.groupdict().items() if value is not None}
    if "key" in groups:
        return groups["key"], groups["value"]
    if "wrong" in groups:
        raise UserError(_not_compared(groups["wrong"], groups["compared"].strip()))
    if "tokens" in groups:
        return "tokens", _count(groups["tokens"])
    if "error" in groups:
        return "error", True
    if "place" in groups:
        return "at", groups["place"]
    key, value = next(iter(groups.items()))
    return {"name": "node", "condition": "when"}.get(key, key), value.strip()


def _count(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise UserError(f"tokens > {digits[:MOST_DIGITS]}… is more than a branch can have")
    return int(digits)


def _not_compared(name: str, text: str) -> str:
    """Say what stands after `tokens` or `score`, where that is no comparison with a number."""
    usual = "tokens > N, N a whole number" if name == "tokens" else "score < X, X a number such as 0.5"
    return f"{f'{name} {text}'[:80]!r} compares with no such number; write {usual}, or a condition: when {name} …"


def _usual(found: dict[str, Any]) -> str:
    """Where to look when nothing is said: what a node wrote is there after it, a role speaks at a model call."""
    if found.keys() & {"verdict", "score", "tokens"} or (
        "node" not in found.keys() | {"role"} and "when" in found
    ):
        return "after"
    return "prompt" if "role" in found else "before"
