"""The verifier `numeric`: two answers are equal if their numbers are.

Whole numbers must be equal; others may differ by a relative tolerance, or by an absolute one near zero. How a
number is read is told in `tutelage.tools.numbers`. Not covered: rounding that the problem asks for (`33.33`
is not `33.3333`), and whether a percentage is meant as a fraction of one (`50%` is 50).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from tutelage.errors import UserError
from tutelage.tools.answers import final_answer
from tutelage.tools.numbers import number_key, read_number
from tutelage.tools.verifier import outcome, reference_of
from tutelage.types import Score, Task

__all__ = ["Numeric", "close", "numeric"]


@dataclass(frozen=True, slots=True)
class Numeric:
    """Compares the numbers of answers."""

    quick: ClassVar[bool] = True
    name: str = "numeric"
    relative_tolerance: float = 1e-6
    """Of the reference."""
    absolute_tolerance: float = 1e-9
    """For references near zero."""

    def __post_init__(self) -> None:
        """Refuse tolerances that are no tolerances."""
        for setting, value in (
            ("relative_tolerance", self.relative_tolerance),
            ("absolute_tolerance", self.absolute_tolerance),
        ):
            if not 0 <= value < 1:
                raise UserError(f"{setting} is {value!r}; it must be at least 0 and less than 1")

    def answer(self, solution: str) -> str | None:
        """The canonical text of the final answer's number; `None` where it has none."""
        number = number_of(solution)
        return None if number is None else number_key(number)

    def score(self, task: Task, solution: str) -> Score:
        """Right if the final answer's number is the reference's.

        Raises:
            UserError: the task has no reference, or one that is no number.
        """
        reference = read_number(text := reference_of(task, self.name))
        if reference is None:
            raise UserError(
                f"task {task.id!r} has the reference {text!r}, which is not one number; "
                "use the verifier 'exact' or 'math_answer'"
            )
        number = number_of(solution)
        right = number is not None and close(
            number, reference, self.relative_tolerance, self.absolute_tolerance
        )
        return outcome(self.name, None if number is None else number_key(number), right)


def number_of(solution: str) -> Fraction | None:
    """The number of a solution's final answer."""
    text = final_answer(solution)
    return None if text is None else read_number(text)


def close(number: Fraction, reference: Fraction, relative: float, absolute: float) -> bool:
    """Equal, or within a tolerance unless both are whole."""
    if number.denominator == 1 and reference.denominator == 1:
        return number == reference
    return abs(number - reference) <= max(Fraction(relative) * abs(reference), Fraction(absolute))


numeric = Numeric()
