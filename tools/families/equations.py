"""Linear equations in one unknown: `Solve 5(x+4)+7=2x+63.`

A solution is a chain of equations, each from the one before by one computation, then the answer. A line is right
if it has the same root as the line before. The usual order (brackets, constants, unknowns, division) is the one
that reviews recompute; another order is accepted, not recomputed. All coefficients are natural numbers. Not
covered: several unknowns, fractions, negative roots.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from tutelage.tools.families.columns import columns, inverse, recompute, slipped
from tutelage.tools.families.family import StepCheck, verdict
from tutelage.types import Task

__all__ = ["Equations"]

ANSWER = re.compile(r"answer: (\d{1,9})")
SIDE = re.compile(r"(?:(\d*)\(x\+(\d+)\)|(\d*)x|(\d+))((?:\+\d+)*)")
DIAL = {1: (12, 0, 30), 2: (20, 0, 50), 3: (20, 9, 50), 4: (60, 12, 99), 5: (99, 20, 99)}
"""Largest root, largest number inside a bracket, largest constant."""


@dataclass(frozen=True, slots=True)
class Side:
    """`coefficient(x+inside)+constants`, `coefficient x+constants` or only constants (coefficient 0)."""

    coefficient: int = 0
    inside: int | None = None
    constants: tuple[int, ...] = ()

    def __str__(self) -> str:
        factor = "" if self.coefficient == 1 else str(self.coefficient)
        unknown = f"{factor}(x+{self.inside})" if self.inside is not None else f"{factor}x"
        return "+".join(([unknown] if self.coefficient else []) + [str(c) for c in self.constants])

    def value(self) -> tuple[int, int]:
        """Coefficient of the unknown and constant, multiplied out."""
        return self.coefficient, self.coefficient * (self.inside or 0) + sum(self.constants)


@dataclass(frozen=True, slots=True)
class Equation:
    """Two sides."""

    left: Side
    right: Side

    def __str__(self) -> str:
        return f"{self.left}={self.right}"

    def root(self) -> Fraction | None:
        """The value of the unknown, `None` where there is none or any will do."""
        (a, b), (c, d) = self.left.value(), self.right.value()
        return Fraction(d - b, a - c) if a != c else None


@dataclass(frozen=True, slots=True)
class Computation:
    """The next usual step: `a op b`, whose result goes into the next equation."""

    a: int
    op: str
    b: int
    where: str

    def result(self) -> int:
        """The true result (a quotient is rounded down)."""
        match self.op:
            case "+":
                return self.a + self.b
            case "-":
                return self.a - self.b
            case "*":
                return self.a * self.b
            case _:
                return self.a // self.b

    def into(self, equation: Equation, value: int) -> Equation:
        """The equation after this step, with `value` as its result."""
        left, right = equation.left, equation.right
        match self.where:
            case "bracket left":
                return Equation(Side(left.coefficient, None, (value, *left.constants)), right)
            case "bracket right":
                return Equation(left, Side(right.coefficient, None, (value, *right.constants)))
            case "constants left":
                return Equation(replace(left, constants=(value, *left.constants[2:])), right)
            case "constants right":
                return Equation(left, replace(right, constants=(value, *right.constants[2:])))
            case "unknowns":
                return Equation(replace(left, coefficient=value), replace(right, coefficient=0))
            case "constants":
                return Equation(replace(left, constants=()), replace(right, constants=(value,)))
            case _:
                return Equation(Side(1), Side(constants=(value,)))


class Equations:
    """The family `equations`."""

    name = "equations"

    def generate(self, rng: Random, difficulty: int) -> Task:
        """Draw an equation with a natural root; see `Family.generate`."""
        largest_root, largest_inside, largest_constant = DIAL[difficulty]
        root, a = rng.randint(2, largest_root), rng.randint(3, 9)
        b, c = rng.randint(1, largest_constant), rng.randint(1, a - 2)
        inside = rng.randint(2, largest_inside) if largest_inside else None
        left = Side(a, inside, (b,))
        if difficulty == 1:
            return describe(Equation(left, Side(constants=(a * root + b,))), difficulty)
        other = rng.randint(2, largest_inside) if difficulty == 5 else None
        rest = left.value()[1] + (a - c) * root - c * (other or 0)
        if rest < 1:
            return self.generate(rng, difficulty)
        return describe(Equation(left, Side(c, other, (rest,))), difficulty)

    def key(self, task: Task) -> str:
        """The problem itself."""
        return task.problem

    def answer_key(self, solution: str) -> str | None:
        """The number after the last `answer:`."""
        found = ANSWER.findall(solution)
        return str(int(found[-1])) if found else None

    def check(self, task: Task, solution: str) -> StepCheck:
        """A line is right if it keeps the root; the answer must be the root, after a line `x=root`."""
        equation = problem_equation(task.problem)
        root = equation.root()
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        flags: list[bool] = []
        for line in lines:
            found = ANSWER.fullmatch(line)
            if found:
                flags.append(str(equation) == f"x={root}" and int(found.group(1)) == root)
            else:
                following = parse(line)
                flags.append(following is not None and following.root() == root and following != equation)
                equation = following or equation
            if found or not flags[-1]:
                break
        right = bool(lines) and len(flags) == len(lines) and all(flags) and lines[-1].startswith("answer:")
        return StepCheck((*flags, *[False] * (len(lines) - len(flags))), self.answer_key(solution), right)

    def review(self, task: Task, solution: str) -> str:
        """Recompute the one number that each line brings in, backwards where it is a difference or a quotient."""
        equation = problem_equation(task.problem)
        check = self.check(task, solution)
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        said = []
        for number in range(1, min(check.first_wrong or len(lines), len(lines)) + 1):
            line, right = lines[number - 1], check.steps[number - 1]
            said.append(f"{number}: {review_line(equation, line, right)}")
            equation = parse(line) or equation
        if check.first_wrong and check.first_wrong > len(lines):
            said.append(f"{check.first_wrong}: missing")
        return "\n".join([*said, verdict(check)])

    def repair(self, task: Task, solution: str, rng: Random) -> str:
        """The right lines of the attempt, carried on in the usual order."""
        check = self.check(task, solution)
        if check.right:
            return solution
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        kept = [line for line, right in zip(lines, check.steps, strict=True) if right and "x" in line]
        equation = (parse(kept[-1]) if kept else None) or problem_equation(task.problem)
        return "\n".join([*kept, *solve(equation)])

    def hint(self, task: Task, solution: str) -> str:
        """The first line that went wrong, put right; for the last one the quotient only."""
        check = self.check(task, solution)
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        wrong = check.first_wrong or 1
        kept = [line for line in lines[: wrong - 1] if "x" in line]
        equation = (parse(kept[-1]) if kept else None) or problem_equation(task.problem)
        step = next_computation(equation)
        if step is None:
            return "read the answer off the last line"
        if step.where == "division":
            x, sign, y, _ = inverse(step.a, step.op, step.b, step.result())
            return f"divide {step.a} by {y}, which has the columns {' '.join(map(str, columns(x, sign, y)))}"
        return f"step {len(kept) + 1} gives {step.into(equation, step.result())}"

    def slip(self, task: Task, rng: Random) -> str:
        """The usual chain with one wrong number, carried on faithfully while whole numbers come out."""
        equation = problem_equation(task.problem)
        at = rng.randrange(len((task.solution or "").splitlines()) - 1)
        lines: list[str] = []
        while (step := next_computation(equation)) is not None:
            value = max(step.result(), 0)
            equation = step.into(equation, slipped(value, rng) if len(lines) == at else value)
            lines.append(str(equation))
        return "\n".join([*lines, f"answer: {equation.right}"])


def next_computation(equation: Equation) -> Computation | None:
    """The next usual step, `None` when the equation reads `x=…`."""
    left, right = equation.left, equation.right
    if left.inside is not None:
        return Computation(left.coefficient, "*", left.inside, "bracket left")
    if right.inside is not None:
        return Computation(right.coefficient, "*", right.inside, "bracket right")
    if len(left.constants) > 1:
        return Computation(left.constants[0], "+", left.constants[1], "constants left")
    if len(right.constants) > 1:
        return Computation(right.constants[0], "+", right.constants[1], "constants right")
    if right.coefficient:
        return Computation(left.coefficient, "-", right.coefficient, "unknowns")
    if left.constants and right.constants:
        return Computation(right.constants[0], "-", left.constants[0], "constants")
    if left.coefficient > 1 and right.constants:
        return Computation(right.constants[0], "/", left.coefficient, "division")
    return None


def solve(equation: Equation) -> list[str]:
    """The usual lines from an equation to its answer."""
    lines = []
    while (step := next_computation(equation)) is not None:
        equation = step.into(equation, step.result())
        lines.append(str(equation))
    return [*lines, f"answer: {equation.right}"]


def describe(equation: Equation, difficulty: int) -> Task:
    """The task of an equation, with its worked solution."""
    return Task(
        id="",
        problem=f"Solve {equation}.",
        reference=str(equation.root()),
        solution="\n".join(solve(equation)),
        family="equations",
        difficulty=difficulty,
    )


def problem_equation(problem: str) -> Equation:
    """The equation of a problem's text."""
    equation = parse(problem.removeprefix("Solve ").removesuffix("."))
    if equation is None:
        raise ValueError(f"{problem!r} is not a linear equation")
    return equation


def parse(line: str) -> Equation | None:
    """A line such as `5(x+4)+7=2x+63`, `None` if it is none."""
    sides = line.split("=")
    if len(sides) != 2 or len(line) > 80:
        return None
    left, right = (parse_side(side) for side in sides)
    return Equation(left, right) if left is not None and right is not None else None


def parse_side(text: str) -> Side | None:
    """One side of an equation, `None` if it is none."""
    found = SIDE.fullmatch(text)
    if found is None:
        return None
    factor, inside, plain, constant, rest = found.groups()
    constants = tuple(int(c) for c in rest.split("+") if c)
    if constant is not None:
        return Side(constants=(int(constant), *constants))
    if inside is not None:
        return Side(int(factor or 1), int(inside), constants)
    return Side(int(plain or 1), None, constants)


def review_line(equation: Equation, line: str, right: bool) -> str:
    """Recompute what a line brings in, or say what should stand there."""
    step = next_computation(equation)
    if step is None:
        return f"{equation.right} " + ("ok" if right else "is the answer")
    following = parse(line)
    for number in map(int, re.findall(r"\d{1,9}", line)):
        if following == step.into(equation, number):
            return recompute(step.a, step.op, step.b, number)
    if step.where == "division" and line == "x=1":
        return recompute(step.a, step.op, step.b, 1)
    return "ok" if right else f"should compute {step.a}{step.op}{step.b}"
