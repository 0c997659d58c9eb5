r"""Reading a solution: its steps and its final answer.

A step is a non-empty line. The final answer follows the last marker in the text: `answer:` in any case,
GSM8K's `####`, a line that starts with `A:`, or `\boxed{...}`. What follows the marker is returned nearly as
written; what it means is for a verifier to say. Not covered: answers that no marker announces ("so it is
18").
"""

import re

__all__ = ["final_answer", "steps"]

MARKER = re.compile(r"\b(?i:answer)\b[ \t*_]*:|^[ \t*_]*A[ \t*_]*:|^[ \t]*####(?!#)", re.MULTILINE)
BRACE = re.compile(r"\\(?:boxed|fbox)[ \t]*\{|\\[{}]|[{}]")
CALCULATION = re.compile(r"<<[^<>\n]*>>")
"""GSM8K's calculator annotations, as in `16-3=<<16-3=13>>13`."""
BOLD = re.compile(r"(?<!\w)\*\*|\*\*(?!\w)")
AROUND = " \t\r*_`"


def steps(solution: str) -> list[str]:
    """The steps of a solution: its non-empty lines, without the white space around them."""
    return [line.strip() for line in solution.splitlines() if line.strip()]


def final_answer(solution: str) -> str | None:
    r"""The text of the last answer that a solution announces.

    Markdown emphasis, GSM8K's calculator annotations and a `\boxed{...}` around the answer are removed. A
    marker with nothing after it on its line announces nothing.

    Args:
        solution: The whole text.

    Returns:
        The answer's text, never empty; `None` where none is announced.
    """
    marked, end = marked_answer(solution)
    boxed = boxed_answer(solution, end)
    return boxed if boxed is not None else marked


def marked_answer(solution: str) -> tuple[str | None, int]:
    """The text after the last marker that has any on its line, and where in the solution it starts."""
    for marker in reversed(list(MARKER.finditer(solution))):
        end = solution.find("\n", marker.end())
        text = solution[marker.end() : end if end >= 0 else None]
        if answer := BOLD.sub("", CALCULATION.sub("", text)).strip(AROUND):
            return answer, marker.end()
    return None, 0


def boxed_answer(solution: str, start: int) -> str | None:
    """The content of the box that opens last, at `start` or later; boxes left open or empty do not count."""
    answer, latest = None, -1
    opened: list[int] = []
    for token in BRACE.finditer(solution, start):
        if token[0].startswith("\\") and len(token[0]) == 2:
            continue
        if token[0] != "}":
            opened.append(token.end() if len(token[0]) > 1 else -1)
        elif (
            opened
            and (begin := opened.pop()) > latest
            and (content := solution[begin : token.start()].strip())
        ):
            answer, latest = content, begin
    return answer
