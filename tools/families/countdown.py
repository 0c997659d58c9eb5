"""Countdown: reach a target from given numbers, each used exactly once, with `+`, `-` and `*`.

`Reach 78 from 3, 25, 50.` A solution has one line an operation on numbers still at hand, and the answer as one
expression. Finding it takes search; checking it does not. Results are natural numbers. The rules follow the
television game with every number used, as in "Stream of Search" (arXiv 2404.03683). Not covered: division.
"""

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

from tutelage.tools.families.columns import recompute, slipped
from tutelage.tools.families.family import StepCheck, verdict
from tutelage.types import Task

__all__ = ["Countdown"]

DIAL = {1: (3, 9, 50), 2: (3, 15, 99), 3: (3, 25, 99), 4: (4, 9, 99), 5: (4, 20, 99)}
"""How many numbers, the largest of them, and the largest target."""
LINE = re.compile(r"(\d{1,6})([-+*])(\d{1,6})=(\d{1,9})")
ANSWER = re.compile(r"answer: ([-+*()\d]{1,80})")
LARGEST_VALUE = 999

Step = tuple[int, str, int]


class Countdown:
    """The family `countdown`."""

    name = "countdown"

    def generate(self, rng: Random, difficulty: int) -> Task:
        """Draw numbers and a target that some operations reach; see `Family.generate`."""
        count, largest, largest_target = DIAL[difficulty]
        numbers = [rng.randint(1, largest) for _ in range(count)]
        steps = random_steps(numbers, rng)
        target = result(steps[-1])
        if not 10 <= target <= largest_target or target in numbers:
            return self.generate(rng, difficulty)
        return Task(
            id="",
            problem=f"Reach {target} from {', '.join(map(str, numbers))}.",
            reference=str(target),
            solution=write(steps),
            family=self.name,
            difficulty=difficulty,
        )

    def key(self, task: Task) -> str:
        """Target and numbers in order of size."""
        target, numbers = parse(task.problem)
        return f"{target} from {sorted(numbers)}"

    def answer_key(self, solution: str) -> str | None:
        """The expression after the last `answer:`; operands of one sum or product are sorted by their text."""
        found = ANSWER.findall(solution)
        return found[-1] if found else None

    def check(self, task: Task, solution: str) -> StepCheck:
        """A line is right if its numbers are at hand and its result is; the answer must reach the target."""
        target, numbers = parse(task.problem)
        at_hand = Counter(numbers)
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        flags: list[bool] = []
        steps: list[Step] = []
        for line in lines:
            found = LINE.fullmatch(line)
            if found is None:
                done = len(steps) == len(numbers) - 1 and result(steps[-1]) == target
                flags.append(done and line == f"answer: {expression(steps)}")
                break
            step = (int(found.group(1)), found.group(2), int(found.group(3)))
            flags.append(available(step, at_hand) and result(step) == int(found.group(4)))
            if not flags[-1]:
                break
            at_hand = after(step, at_hand)
            steps.append(step)
        right = len(flags) == len(lines) == len(numbers) and all(flags)
        return StepCheck((*flags, *[False] * (len(lines) - len(flags))), self.answer_key(solution), right)

    def review(self, task: Task, solution: str) -> str:
        """Recompute every line by columns, then compare what is reached with the target."""
        target, numbers = parse(task.problem)
        check = self.check(task, solution)
        lines = [line.strip() for line in solution.splitlines() if line.strip()]
        at_hand, said, reached = Counter(numbers), [], 0
        for number in range(1, min(check.first_wrong or len(lines), len(lines)) + 1):
            line, found = lines[number - 1], LINE.fullmatch(lines[number - 1])
            if found is None:
                said.append(f"{number}: " + review_answer(check.steps[number - 1], reached, target, line))
                continue
            step = (int(found.group(1)), found.group(2), int(found.group(3)))
            reached = int(found.group(4))
            said.append(f"{number}: " + review_step(step, at_hand, reached))
            at_hand = after(step, at_hand)
        if check.first_wrong and check.first_wrong > len(lines):
            said.append(f"{check.first_wrong}: missing")
        return "\n".join([*said, verdict(check)])

    def repair(self, task: Task, solution: str, rng: Random) -> str:
        """A solution that shares as many first lines with the attempt as any does."""
        if self.check(task, solution).right:
            return solution
        target, numbers = parse(task.problem)
        tried = [line.strip() for line in solution.splitlines()]
        return best_match([write(steps) for steps in solutions(numbers, target)], tried, rng)

    def hint(self, task: Task, solution: str) -> str:
        """The first operation of the worked solution."""
        first = (task.solution or "").splitlines()[0]
        return f"start with {first}"

    def slip(self, task: Task, rng: Random) -> str:
        """Operations that miss the target, or that claim to reach it with a wrong result."""
        target, numbers = parse(task.problem)
        for _ in range(20):
            steps = random_steps(numbers, rng)
            if result(steps[-1]) != target:
                break
        text = write(steps)
        if rng.random() < 0.5:
            return text
        if rng.random() < 0.5:
            return text.replace(f"={result(steps[-1])}\n", f"={target}\n")
        return text.replace(f"={result(steps[-1])}\n", f"={slipped(result(steps[-1]), rng)}\n")


def result(step: Step) -> int:
    """The value of one operation."""
    a, op, b = step
    return a + b if op == "+" else a - b if op == "-" else a * b


def available(step: Step, at_hand: Counter[int]) -> bool:
    """Both operands are at hand and the result is a natural number."""
    return not Counter((step[0], step[2])) - at_hand and result(step) >= 0


def after(step: Step, at_hand: Counter[int]) -> Counter[int]:
    """The numbers at hand after an operation."""
    return (
        at_hand - Counter((step[0], step[2])) + Counter({result(step): 1}) if result(step) >= 0 else at_hand
    )


def random_steps(numbers: list[int], rng: Random) -> list[Step]:
    """Operations that use up the numbers, the larger operand first."""
    left, steps = list(numbers), []
    while len(left) > 1:
        rng.shuffle(left)
        b, a = sorted((left.pop(), left.pop()))
        op = rng.choice("+-*" if min(a, b) > 1 and a * b <= LARGEST_VALUE else "+-")
        steps.append((a, op, b))
        left.append(result(steps[-1]))
    return steps


def solutions(numbers: list[int], target: int) -> Iterator[list[Step]]:
    """Every way to the target in which the larger operand comes first."""
    if len(numbers) == 1:
        if numbers[0] == target:
            yield []
        return
    seen = set()
    for i, first in enumerate(numbers):
        for j in range(i):
            b, a = sorted((first, numbers[j]))
            if (a, b) in seen:
                continue
            seen.add((a, b))
            rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
            for op in "+-*":
                step = (a, op, b)
                if result(step) <= 4 * LARGEST_VALUE:
                    for later in solutions([*rest, result(step)], target):
                        yield [step, *later]


def expression(steps: list[Step]) -> str:
    """The operations as one expression; every number made on the way stands in brackets."""
    made: dict[int, list[str]] = {}
    text = ""
    for a, op, b in steps:
        parts = [made[n].pop() if made.get(n) else str(n) for n in (a, b)]
        text = op.join(f"({part})" if not part.isdigit() else part for part in parts)
        made.setdefault(result((a, op, b)), []).append(text)
    return text


def write(steps: list[Step]) -> str:
    """The solution text of some operations."""
    lines = [f"{a}{op}{b}={result((a, op, b))}" for a, op, b in steps]
    return "\n".join([*lines, f"answer: {expression(steps)}"])


def parse(problem: str) -> tuple[int, list[int]]:
    """Target and numbers of a problem's text."""
    target, *numbers = map(int, re.findall(r"\d+", problem))
    return target, numbers


def review_step(step: Step, at_hand: Counter[int], claimed: int) -> str:
    """Recompute one operation, or say which number is not at hand."""
    missing = list((Counter((step[0], step[2])) - at_hand).elements())
    if missing:
        return f"{missing[0]} is not there"
    if result(step) < 0:
        return f"{step[0]} is less than {step[2]}"
    return recompute(step[0], step[1], step[2], claimed)


def review_answer(right: bool, reached: int, target: int, line: str) -> str:
    """Compare what was reached with the target."""
    if not line.startswith("answer: "):
        return "not a step"
    if reached != target:
        return f"{reached} not {target}"
    return f"{reached} ok" if right else "does not use the steps"


def best_match(texts: list[str], tried: list[str], rng: Random) -> str:
    """The text that shares most first lines with `tried`, drawn among equals."""

    def shared(text: str) -> int:
        same = [a == b for a, b in zip(text.splitlines(), tried, strict=False)]
        return [*same, False].index(False)

    most = max(map(shared, texts))
    return rng.choice([text for text in texts if shared(text) == most])
