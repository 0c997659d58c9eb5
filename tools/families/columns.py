"""Schoolbook arithmetic, column by column: how a reviewer recomputes what a solver did in one go.

A column's entry is the sum of its digits (or digit products) and the carry from the column to its right, the
ones column first: `47+38` has the columns `15 8`, and reads `85`. Only natural numbers are covered.
"""

from random import Random

__all__ = ["columns", "inverse", "recompute", "slipped"]


def columns(a: int, op: str, b: int) -> tuple[int, ...]:
    """The columns of `a+b` or `a*b`, the ones column first, each with the carry it received."""
    first, second = digits(a), digits(b)
    sums = [0] * (len(first) + len(second) - 1 if op == "*" else max(len(first), len(second)))
    if op == "*":
        for i, x in enumerate(first):
            for j, y in enumerate(second):
                sums[i + j] += x * y
    else:
        for number in (first, second):
            for i, x in enumerate(number):
                sums[i] += x
    carry = 0
    for i, total in enumerate(sums):
        sums[i] = total + carry
        carry = sums[i] // 10
    return tuple(sums)


def digits(number: int) -> list[int]:
    """The digits of a natural number, the ones first."""
    return [int(digit) for digit in reversed(str(number))]


def inverse(a: int, op: str, b: int, claimed: int) -> tuple[int, str, int, int]:
    """The check of `a op b = claimed` as `(x, op, y, expected)`: differences and quotients are checked backwards."""
    match op:
        case "-":
            return claimed, "+", b, a
        case "/":
            return claimed, "*", b, a
        case _:
            return a, op, b, claimed


def recompute(a: int, op: str, b: int, claimed: int) -> str:
    """One line of a review: the check in columns, then `ok` or `not` with the number that should have come out."""
    x, sign, y, expected = inverse(a, op, b, claimed)
    value = x * y if sign == "*" else x + y
    entries = " ".join(map(str, columns(x, sign, y)))
    return f"{x}{sign}{y} = {entries} -> {value} " + ("ok" if value == expected else f"not {expected}")


def slipped(value: int, rng: Random) -> int:
    """A natural number near `value` in the way slips are: a digit off, two swapped, a carry lost."""
    text = str(value)
    match rng.randrange(4):
        case 0:
            wrong = value + rng.choice((-1, 1)) * 10 ** rng.randrange(len(text))
        case 1:
            at = rng.randrange(len(text))
            wrong = int(text[:at] + str(rng.randrange(10)) + text[at + 1 :])
        case 2 if len(text) > 1:
            at = rng.randrange(len(text) - 1)
            wrong = int(text[:at] + text[at + 1] + text[at] + text[at + 2 :])
        case _:
            wrong = value + rng.choice((-2, 2, -3, 3, -9, 9))
    return wrong if wrong >= 0 and wrong != value else value + 1
