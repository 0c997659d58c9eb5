"""Expressions typed at the console: evaluated safely over the state's fields.

The language is the one of breakpoints' conditions: names, literals, comparisons, `and`, `or`, `not`, `in`, arithmetic,
indexing, a few functions; no attributes and no calls of anything else. `state` is the whole state.
"""

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["assigned", "evaluated", "value_of"]

TARGET = re.compile(r"\s*(?P<field>[A-Za-z_]\w*)\s*(?P<path>(\[[^]=]*\]\s*)*)=(?!=)(?P<value>.*)", re.DOTALL)


def evaluated(console: "Console", text: str) -> Any:
    """Give the value of an expression over the state that is looked at.

    Raises:
        UserError: It is none, or it names what is not there.
    """
    from tutelage.graphs.debugging.conditions import evaluate

    if not text.strip():
        raise UserError("give an expression, such as verdict or len(candidates)")
    state = console.session.state
    return evaluate(text, {"state": state, **state})


def value_of(console: "Console", text: str) -> Any:
    """Give what a text stands for: JSON, a Python literal, or an expression over the state.

    Raises:
        UserError: It is none of these.
    """
    stripped = text.strip()
    for read in (json.loads, ast.literal_eval):
        try:
            return read(stripped)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    try:
        return evaluated(console, stripped)
    except UserError as error:
        raise UserError(f"{error}; a text needs quotes") from error


def assigned(console: "Console", text: str) -> tuple[str, Any]:
    """Read FIELD = VALUE or FIELD[PLACE] = VALUE; give the field and its whole new value.

    Raises:
        UserError: It is no assignment, or there is no such place.
    """
    match = TARGET.fullmatch(text)
    if match is None:
        raise UserError(f"{text.strip()!r} is not FIELD = VALUE, such as verdict = 'wrong'")
    field, value = match["field"], value_of(console, match["value"])
    places = [value_of(console, each) for each in re.findall(r"\[([^]]*)\]", match["path"])]
    if not places:
        return field, value
    if field not in console.session.state:
        raise UserError(f"the state has no {field!r} with places in it")
    return field, _replaced(console.session.state[field], places, value, field)


def _replaced(whole: Any, places: list[Any], value: Any, name: str) -> Any:
    """A copy of a value with one place in it replaced."""
    if not places:
        return value
    first, *rest = places
    try:
        inner = whole[first] if rest else None
        copy = list(whole) if isinstance(whole, list | tuple) else dict(whole)
        copy[first] = _replaced(inner, rest, value, f"{name}[{first!r}]")
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(f"{name} has no place {first!r}") from error
    return copy
