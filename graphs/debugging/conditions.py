"""Conditions and expressions over a state, as a person types them: `verdict == 'wrong' and round > 1`.

Python's own syntax, cut down: no assignments, no functions but a few, no names with a leading underscore, no lambda. What
a model wrote is only ever a value here. Not covered: expressions that a person makes too large on purpose.
"""

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from tutelage.errors import UserError
from tutelage.nearest import known_names

__all__ = ["Condition", "evaluate"]

FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    each.__name__: each
    for each in (
        abs,
        all,
        any,
        bool,
        float,
        int,
        len,
        list,
        max,
        min,
        repr,
        round,
        set,
        sorted,
        str,
        sum,
    )
}
REFUSED = (
    ast.Lambda,
    ast.NamedExpr,
    ast.Await,
    ast.Yield,
    ast.YieldFrom,
    ast.Starred,
)
METHODS = frozenset(
    {
        *(
            "casefold",
            "count",
            "endswith",
            "find",
            "get",
            "index",
            "isalpha",
            "isdecimal",
            "isdigit",
            "items",
            "join",
        ),
        *(
            "keys",
            "lower",
            "lstrip",
            "partition",
            "removeprefix",
            "removesuffix",
            "replace",
            "rfind",
            "rpartition",
        ),
        *("rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper", "values"),
    }
)
"""Methods that may be called: those of texts, lists and dictionaries that change nothing."""
OPTIONS = frozenset({"default", "reverse"})
"""Arguments that may be given by name; `key` would call whatever it is given."""
INNER = ("_", "gi_", "cr_", "ag_", "f_", "tb_", "co_")
"""How the names begin of what leads from an object into the interpreter."""


class Condition:
    """An expression, read once and evaluated often."""

    def __init__(self, text: str, known: Collection[str]) -> None:
        """Read an expression.

        Args:
            text: The expression.
            known: The names that it may use besides the functions.

        Raises:
            UserError: It is no expression, uses what is not allowed, or a name that is not known.
        """
        self.text = text.strip()
        try:
            tree = ast.parse(self.text, mode="eval")
        except (SyntaxError, ValueError) as problem:
            raise UserError(f"{text!r} is no expression: {getattr(problem, 'msg', problem)}") from problem
        bound = {
            each.id
            for each in ast.walk(tree)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        if taken := bound & FUNCTIONS.keys():
            raise UserError(f"{text!r}: {min(taken)!r} is a function here; use another name")
        self._functions = {name: each for name, each in FUNCTIONS.items() if name not in known}
        for each in ast.walk(tree):
            _check(each, text, {*known, *bound, *FUNCTIONS}, self._functions)
        self._code = compile(tree, "<condition>", "eval")

    def value(self, names: Mapping[str, Any]) -> Any:
        """Evaluate it.

        Raises:
            UserError: It fails for these values.
        """
        scope = {"__builtins__": {}, **self._functions, **names}
        try:
            return eval(self._code, scope)
        except Exception as problem:
            said = f"{type(problem).__name__}: {problem}"
            raise UserError(f"{self.text!r} cannot be evaluated here: {said}") from problem

    def holds(self, names: Mapping[str, Any]) -> bool:
        """Whether it is true; where a name has no value yet, it is not.

        Raises:
            UserError: It fails for these values.
        """
        try:
            return bool(self.value(names))
        except UserError as problem:
            if isinstance(problem.__cause__, NameError):
                return False
            raise


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """Evaluate an expression once.

    Raises:
        UserError: It is refused, or fails for these values.
    """
    return Condition(text, names.keys()).value(names)


def _may_be_called(call: ast.Call, functions: Collection[str]) -> bool:
    """Whether a call changes nothing: a function of ours or a method of texts, and no function among its arguments."""
    if any(each.arg not in OPTIONS for each in call.keywords):
        return False
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in METHODS
    return isinstance(call.func, ast.Name) and call.func.id in functions


def _check(node: ast.AST, text: str, known: Collection[str], functions: Collection[str]) -> None:
    if isinstance(node, REFUSED):
        raise UserError(f"{text!r}: {type(node).__name__.lower()} is not allowed here")
    if isinstance(node, ast.Call) and not _may_be_called(node, functions):
        raise UserError(
            f"{text!r}: only {', '.join(sorted(FUNCTIONS))} and methods of texts can be called here"
        )
    if isinstance(node, ast.Attribute) and node.attr.startswith(INNER):
        raise UserError(f"{text!r}: {node.attr!r} is not allowed here")
    if isinstance(node, ast.Name) and node.id not in known:
        raise UserError(
            f"{text!r}: there is no {node.id!r} here; {known_names(node.id, set(known) - set(FUNCTIONS))}"
        )
