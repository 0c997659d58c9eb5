"""The verifiers of the families' tasks: `step_checker` judges every line, `family_answer` the outcome only.

A solution that reaches the right answer by a wrong line passes `family_answer` and not `step_checker`. Not
covered: tasks of no family; for those see `numeric`, `exact` and `math_answer`.
"""

from dataclasses import dataclass
from typing import ClassVar

from tutelage.tools.answers import final_answer, steps
from tutelage.tools.exact import normalised
from tutelage.tools.expressions import read_expression
from tutelage.tools.families import StepCheck, family_of
from tutelage.tools.families.countdown import parse as countdown_numbers
from tutelage.tools.numbers import number_key, read_number
from tutelage.tools.verifier import outcome, reference_of
from tutelage.types import Score, Task

__all__ = ["FamilyAnswer", "StepChecker", "family_answer", "step_checker"]


@dataclass(frozen=True, slots=True)
class FamilyAnswer:
    """Judges the final answer by the rule of the task's family."""

    quick: ClassVar[bool] = True
    name: str = "family_answer"

    def answer(self, solution: str) -> str | None:
        """The final answer: a number in canonical form, or an expression as written."""
        return answer_key(solution)

    def score(self, task: Task, solution: str) -> Score:
        """Right if the answer is the reference, or in `countdown` an expression that reaches it.

        Raises:
            UserError: the task is of no known family, or has no reference.
        """
        family_of(task)
        reference = reference_of(task, self.name)
        answer = answer_key(solution)
        if answer is None:
            right = False
        elif task.family == "countdown":
            right = reaches_target(task, answer)
        else:
            right = answer == key(reference)
        return outcome(self.name, answer, right)


@dataclass(frozen=True, slots=True)
class StepChecker:
    """Judges every line of a solution by the exact check of the task's family."""

    quick: ClassVar[bool] = True
    name: str = "step_checker"

    def answer(self, solution: str) -> str | None:
        """The final answer, as in `family_answer`."""
        return answer_key(solution)

    def score(self, task: Task, solution: str) -> Score:
        """Passed if every line is right and the answer is reached; `steps` holds 1.0 or 0.0 a line.

        Raises:
            UserError: the task is of no known family.
        """
        check = family_of(task).check(task, solution)
        return Score(
            name=self.name,
            value=float(check.right),
            passed=check.right,
            steps=tuple(map(float, check.steps)),
            feedback=feedback(check, steps(solution)),
        )


def answer_key(solution: str) -> str | None:
    """The canonical final answer of a family's solution."""
    text = final_answer(solution)
    return None if text is None else key(text) or None


def key(text: str) -> str:
    """A number in canonical form, or else the text in its normal form."""
    number = read_number(text)
    return normalised(text) if number is None else number_key(number)


def reaches_target(task: Task, answer: str) -> bool:
    """Whether a countdown's answer uses exactly the numbers given and its value is the target."""
    target, given = countdown_numbers(task.problem)
    expression = read_expression(answer)
    return expression is not None and (expression[0], sorted(expression[1])) == (target, sorted(given))


def feedback(check: StepCheck, lines: list[str]) -> str | None:
    """Which step is the first wrong one, in one line."""
    wrong = check.first_wrong
    if wrong is None:
        return None
    return f"step {wrong} is missing" if wrong > len(lines) else f"step {wrong} is wrong: {lines[wrong - 1]}"


family_answer = FamilyAnswer()
step_checker = StepChecker()
