r"""The verifier `math_answer`: two answers are equal if math-verify says that they are the same mathematics.

`\frac{1}{2}` is `0.5`, `x=5` is `5`, `\{1,2\}` is `\{2,1\}`. A plain number is compared with a plain number
as `numeric` does it. The rest goes to a process of its own, which is killed at a deadline, since a model can
write what SymPy never finishes (`9^{9^{9^9}}`); such an answer counts as wrong. Works from any thread; calls
wait for one another. Needs the package math-verify (`pip install 'tutelage[math]'`). Not covered: proofs,
words by their meaning.
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction

from tutelage.errors import UserError
from tutelage.tools.answers import final_answer
from tutelage.tools.exact import normalised
from tutelage.tools.latex_process import LatexProcess
from tutelage.tools.numbers import number_key, read_number
from tutelage.tools.numeric import close, numeric
from tutelage.tools.verifier import outcome, reference_of
from tutelage.types import Score, Task

__all__ = ["MathAnswer", "math_answer"]

LONGEST = 1000
DELIMITERS = re.compile(r"^(?:\$+|\\\(|\\\[)|(?:\$+|\\\)|\\\])$")
FRACTION = re.compile(r"\\[dt]?frac(?![A-Za-z])")
WORDS = re.compile(r"(?:\s|\\text\s*\{)\s*[A-Za-z]{3,}")

PROSE = re.compile(r"(?=.*[A-Za-z]{3})[A-Za-z][A-Za-z\s',.-]*")


@dataclass(frozen=True, slots=True)
class MathAnswer:
    """Compares answers as mathematics."""

    name: str = "math_answer"
    deadline: float = 5.0
    """Seconds that math-verify may take for one answer."""
    process: LatexProcess = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make ready to start the process, without starting it."""
        if not self.deadline > 0:
            raise UserError(f"deadline is {self.deadline!r}; it must be a number of seconds above 0")
        object.__setattr__(self, "process", LatexProcess(self.deadline))

    def answer(self, solution: str) -> str | None:
        """The canonical text of the final answer; where it is no mathematics, its normalised text.

        Raises:
            MissingDependency: math-verify is not installed.
        """
        text = final_answer(solution)
        if text is None:
            return None
        if (number := plain_number(text)) is not None:
            return number_key(number)
        text = undelimited(text)
        reply = self.process.ask({"key": text}) if readable(text) else None
        key = reply.get("key") if reply else None
        return key if isinstance(key, str) else normalised(text) or None

    def score(self, task: Task, solution: str) -> Score:
        """Right if the final answer is the reference's mathematics, or its very text.

        Raises:
            UserError: the task has no reference.
            MissingDependency: math-verify is not installed.
        """
        reference = reference_of(task, self.name)
        text = final_answer(solution)
        return outcome(self.name, text, text is not None and self.same(reference, text))

    def same(self, reference: str, answer: str) -> bool:
        """Whether two answers' texts mean the same; the reference is the one to be trusted."""
        given, expected = plain_number(answer), plain_number(reference)
        if given is not None and expected is not None and "%" not in answer + reference:
            return close(given, expected, numeric.relative_tolerance, numeric.absolute_tolerance)
        reference, answer = undelimited(reference), undelimited(answer)
        if normalised(reference) == normalised(answer):
            return True
        if not (readable(reference) and readable(answer)):
            return False
        reply = self.process.ask({"reference": reference, "answer": answer})
        return reply is not None and reply["equal"] is True


def plain_number(text: str) -> Fraction | None:
    """The number of a text whose letters are all in words set off from it: a unit, not a variable."""
    rest = WORDS.sub(" ", FRACTION.sub("", undelimited(text)))
    return None if re.search(r"[^\W\d_]", rest) else read_number(text)


def undelimited(text: str) -> str:
    """The text without the signs around it that set off LaTeX, and without a full stop."""
    return DELIMITERS.sub("", text.strip().rstrip(".").strip()).strip()


def readable(text: str) -> bool:
    """Whether math-verify should read a text: short, with braces that match, and not words.

    The text is put in a box. Words would be read as products of letters, so that `dear` equals `read`.
    """
    if not 0 < len(text) <= LONGEST or PROSE.fullmatch(text):
        return False
    depth = 0
    for character in text.replace("\\{", "").replace("\\}", ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0


math_answer = MathAnswer()
