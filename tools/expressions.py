"""Integer expressions of `+`, `-`, `*` and brackets, as in `(3+25)*2`: their value and the numbers they use.

Read by Python's parser as a syntax tree and never evaluated as code. Not covered: division, powers,
fractions.
"""

import ast
import re
from collections.abc import Callable
from operator import add, mul, sub

__all__ = ["read_expression"]

LONGEST = 200
ALLOWED = re.compile(r"[0-9+*() -]+")
OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {ast.Add: add, ast.Sub: sub, ast.Mult: mul}


def read_expression(text: str) -> tuple[int, list[int]] | None:
    """The value of an expression and the numbers in it, from left to right; `None` if it is not one."""
    if len(text) > LONGEST or ALLOWED.fullmatch(text) is None:
        return None
    try:
        return evaluate(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def evaluate(node: ast.expr) -> tuple[int, list[int]]:
    """The value and the numbers of a syntax tree.

    Raises:
        ValueError: the tree holds something other than the three operations on whole numbers.
    """
    match node:
        case ast.Constant(value=int(number)):
            return number, [number]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            (a, first), (b, second) = evaluate(left), evaluate(right)
            return OPERATIONS[type(op)](a, b), first + second
    raise ValueError("not a sum, a difference or a product")
