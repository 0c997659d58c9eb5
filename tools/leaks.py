r"""Whether a critique of a wrong solution gives the answer away, by the verifier's own judgement of it.

An answer is *stated* where the critique announces one that is right (`answer: X`, `#### X`, `\boxed{X}`, "the answer
is X", "X is the answer"): copied, it passes without any work. It is *mentioned* where a number or an expression
stands in the critique, by itself, that would be right as an answer. What a line of the solution came to is not given
away by stating it, nor what stands anywhere in the problem or the solution by mentioning it; a critique of a right
solution cannot leak.

An honest review recomputes the line that is wrong; where that line computes or states the answer, it cannot but
mention it. So a mention is a leak unless the first wrong step is among the solution's last two, as far as a score
says which steps are right; a statement always is one. An answer that is a small number may stand there by chance:
compare with the rate of exact reviews. Not covered: answers in other words ("a dozen"), and hints from which the
answer follows in a step.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from tutelage.tools.answers import final_answer
from tutelage.tools.verifier import Verifier
from tutelage.types import Score, Task

__all__ = ["Leak", "find_leak"]

IS = r"(?:is|be|=|equals)"
SAYS = re.compile(rf"\banswer\b[^.:\n]{{0,20}}?\b{IS}[ \t:]+([^\n]+)", re.IGNORECASE)
NAMED = re.compile(r"([^\s:]+)[ \t]+is[ \t]+the[ \t]+(?:\w+[ \t]+){0,2}answer\b", re.IGNORECASE)
VALUE = re.compile(r"(?<![\w.])[-(]*\d(?:[-+*/()\d., ]*[)\d])?(?![\w])")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
LIST = re.compile(r"\d,?[ ]+\d")
LABEL = re.compile(r"^[ \t]*\d+[:.)](?=\s)|\bsteps?[ \t]+\d+\b", re.IGNORECASE | re.MULTILINE)
"""Numbers of lines, which say nothing of the answer."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What a critique gives away."""

    stated: str | None = None
    """The answer as the critique announces it; `None` where it does not."""
    mentioned: str | None = None
    """The answer as it stands anywhere in the critique; `None` where it does not."""
    checked: bool = False
    """The first wrong step is where the solution computes or states the answer: checking it mentions the answer."""

    def __bool__(self) -> bool:
        """Whether that is a leak."""
        return self.stated is not None or (self.mentioned is not None and not self.checked)


def find_leak(
    critique: str, task: Task, solution: str, *, verifier: Verifier, score: Score | None = None
) -> Leak:
    """Look for the answer in a critique.

    Args:
        critique: what a critic said of the solution.
        task: its task.
        solution: what was criticised.
        verifier: judges answers alone, as `family_answer`, `numeric` and `math_answer` do; a verifier that asks for
            steps finds no leak.
        score: what is known of the solution's steps; `None` for nothing.

    Raises:
        UserError: the verifier cannot judge the task.
    """
    if verifier.score(task, solution).passed:
        return Leak()
    said = LABEL.sub("", critique)
    lines = solution.splitlines()
    reached = {verifier.answer(f"answer: {each[-1]}") for each in map(_values, lines) if each}
    shown = f"{task.problem}\n{solution}"
    held = {verifier.answer(f"answer: {text}") for text in {*_values(shown), *NUMBER.findall(shown)}}

    def first_right(texts: Sequence[str], known: Set[str | None]) -> str | None:
        return next((text for text in dict.fromkeys(texts) if right(text, known)), None)

    def right(text: str, known: Set[str | None]) -> bool:
        alone = f"answer: {text}"
        key = verifier.answer(alone)
        return key is not None and key not in known and verifier.score(task, alone).passed is True

    stated = first_right(_announced(said), reached)
    return Leak(stated, stated or first_right(_values(said), held), _at_the_end(score))


def _announced(critique: str) -> list[str]:
    """What is said to be the answer, line by line: the whole of it, and the values in it."""
    found = []
    for line in critique.splitlines():
        marked = final_answer(line)
        texts = [match[1] for pattern in (SAYS, NAMED) for match in pattern.finditer(line)]
        for text in texts if marked is None else [*texts, marked]:
            found += [text.strip(" .*`$"), *_values(text)]
    return found


def _values(text: str) -> list[str]:
    """The numbers and expressions of a text that stand for themselves; rows of numbers do not."""
    found = [match[0] for line in text.splitlines() for match in VALUE.finditer(line)]
    return [value for value in found if not LIST.search(value)]


def _at_the_end(score: Score | None) -> bool:
    """Whether the first wrong step is one of the last two."""
    steps = () if score is None or score.steps is None else score.steps
    wrong = [at for at, value in enumerate(steps) if value < 0.5]
    return bool(wrong) and wrong[0] >= len(steps) - 2
