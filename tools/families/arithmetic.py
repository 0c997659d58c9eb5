"""Chained integer arithmetic: `Compute 47 + 38, then * 6, then - 129.`

A solution has one line an operation (`47+38=85`) and the answer. Every value on the way is a natural number. The
dial sets the number of operations and the size of the values. A review recomputes sums and products by columns
and differences by adding back. Not covered: precedence, brackets, negative numbers.
"""

import re
from random import Random

from tutelage.tools.families.columns import columns, inverse, recompute, slipped
from tutelage.tools.families.family import StepCheck, verdict
from tutelage.types import Task

__all__ = ["Arithmetic"]

DIAL = {1: (2, 50), 2: (3, 99), 3: (4, 99), 4: (4, 999), 5: (6, 999)}
LINE = re.compile(r"(\d+)([-+*])(\d+)=(\d{1,9})")
ANSWER = re.compile(r"answer: (\d{1,9})")
OPERATION = re.compile(r"([-+*]) (\d+)")

Operation = tuple[str, int]


class Arithmetic:
    """The family `arithmetic`."""

    name = "arithmetic"

    def generate(self, rng: Random, difficulty: int) -> Task:
        """Draw a chain; see `Family.generate`."""
        count, limit = DIAL[difficulty]
        start = value = rng.randint(limit // 20 + 2, limit // 2)
        operations: list[Operation] = []
        while len(operations) < count:
            op, b = draw_operation(rng, value, limit)
            operations.append((op, b))
            value = apply(value, op, b)
        return describe(start, operations, difficulty)

    def key(self, task: Task) -> str:
        """The problem itself: its order matters."""
        return task.problem

    def answer_key(self, solution: str) -> str | None:
        """The number after the last `answer:`."""
        found = ANSWER.findall(solution)
        return str(int(found[-1])) if found else None

    def check(self, task: Task, solution: str) -> StepCheck:
        """Judge every line against the chain, each from the value claimed before it."""
        value, operations = parse(task.problem)
        flags: list[bool] = []
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        for (op, b), line in zip(operations, lines, strict=False):
            flags.append(line == f"{value}{op}{b}={apply(value, op, b)}")
            if not flags[-1]:
                break
            value = apply(value, op, b)
        else:
            flags += [line == f"answer: {value}" for line in lines[len(operations) : len(operations) + 1]]
        right = all(flags) and len(flags) == len(lines) == len(operations) + 1
        return StepCheck((*flags, *[False] * (len(lines) - len(flags))), self.answer_key(solution), right)

    def review(self, task: Task, solution: str) -> str:
        """Recompute every line by columns up to the first wrong one."""
        value, operations = parse(task.problem)
        check = self.check(task, solution)
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        said = []
        for number in range(1, min(check.first_wrong or len(lines), len(lines)) + 1):
            if number <= len(operations):
                op, b = operations[number - 1]
                said.append(f"{number}: {review_line(value, op, b, lines[number - 1])}")
                value = apply(value, op, b)
            else:
                said.append(f"{number}: {value} " + ("ok" if check.steps[number - 1] else "is the answer"))
        if check.first_wrong and check.first_wrong > len(lines):
            said.append(f"{check.first_wrong}: missing")
        return "\n".join([*said, verdict(check)])

    def repair(self, task: Task, solution: str, rng: Random) -> str:
        """The worked solution: what was right before the slip is a prefix of it."""
        assert task.solution is not None
        return task.solution

    def hint(self, task: Task, solution: str) -> str:
        """The value after the first wrong step, or, where that is the answer, the columns of its check."""
        wrong = self.check(task, solution).first_wrong or 1
        value, operations = parse(task.problem)
        for op, b in operations[: min(wrong, len(operations)) - 1]:
            value = apply(value, op, b)
        op, b = operations[min(wrong, len(operations)) - 1]
        result = apply(value, op, b)
        if wrong < len(operations):
            return f"step {wrong} gives {value}{op}{b}={result}"
        x, sign, y, _ = inverse(value, op, b, result)
        if op == "-":
            return f"the last step is {value}-{b}"
        return f"the last step is {x}{sign}{y}, in columns {' '.join(map(str, columns(x, sign, y)))}"

    def slip(self, task: Task, rng: Random) -> str:
        """The chain with one wrong result, carried on faithfully."""
        value, operations = parse(task.problem)
        at = rng.randrange(len(operations))
        lines = []
        for i, (op, b) in enumerate(operations):
            result = apply(value, op, b)
            if i == at:
                result = slipped(result, rng)
            lines.append(f"{value}{op}{b}={result}")
            value = result
        return "\n".join([*lines, f"answer: {value}"])


def draw_operation(rng: Random, value: int, limit: int) -> Operation:
    """An operation whose result stays between 1 and `limit`."""
    while True:
        match rng.choice("+-*"):
            case "+" if value + 2 <= limit:
                return "+", rng.randint(min(limit // 50 + 2, limit - value), limit - value)
            case "-" if value > limit // 50 + 3:
                return "-", rng.randint(limit // 50 + 2, value - 1)
            case "*" if value > 1 and value * 2 <= limit:
                return "*", rng.randint(2, min(9, limit // value))


def apply(value: int, op: str, b: int) -> int:
    """`value op b`, never below zero (a wrong line may have made `value` small)."""
    match op:
        case "+":
            return value + b
        case "-":
            return max(value - b, 0)
        case _:
            return value * b


def describe(start: int, operations: list[Operation], difficulty: int) -> Task:
    """The task of a chain, with its worked solution."""
    (op, b), *rest = operations
    problem = f"Compute {start} {op} {b}" + "".join(f", then {op} {b}" for op, b in rest) + "."
    lines, value = [], start
    for op, b in operations:
        lines.append(f"{value}{op}{b}={apply(value, op, b)}")
        value = apply(value, op, b)
    solution = "\n".join([*lines, f"answer: {value}"])
    return Task(
        id="",
        problem=problem,
        reference=str(value),
        solution=solution,
        family="arithmetic",
        difficulty=difficulty,
    )


def parse(problem: str) -> tuple[int, list[Operation]]:
    """The start and the operations of a problem's text."""
    start = re.search(r"\d+", problem)
    if start is None:
        raise ValueError(f"{problem!r} is not an arithmetic chain")
    return int(start.group()), [(op, int(b)) for op, b in OPERATION.findall(problem)]


def review_line(value: int, op: str, b: int, line: str) -> str:
    """Recompute one line, or say what should stand there."""
    found = LINE.fullmatch(line)
    if found is None or found.group(1, 2, 3) != (str(value), op, str(b)):
        return f"should be {value}{op}{b}"
    return recompute(value, op, b, int(found.group(4)))
