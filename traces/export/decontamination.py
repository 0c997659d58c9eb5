"""Decontamination: rows that repeat a held-out task are left out.

The rule. Texts are lower-cased and cut into words: runs of letters and digits, numbers with their decimal points
(and without the commas between thousands), and the signs of mathematics, since "3*4" and "3+4" are two problems.
The signs that prose has, too, hyphens, slashes and brackets, do not count between or at words of two letters and
more; all other punctuation is ignored. A row is left out where its task's problem has the same words as a held-out
problem, or where its problem, its training context or its completion shares `ngram` words in a row with the problem
or the worked solution of a held-out task. Thirteen words are the rule of Brown et al. 2020, "Language Models are
Few-Shot Learners", appendix C. Held-out texts of fewer words than that are compared as a whole only. Templates that
many problems of one kind share look like overlap: choose a larger `ngram`, or 0, for those.
Not covered: paraphrases and translations.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tutelage.errors import TaskFileError, UserError
from tutelage.types import Task

__all__ = ["HeldOut", "words"]

WORD = re.compile(
    r"(?<!\w)\.\d+|\d+(?:[.:]\d+)+|[^\W_]+"  # numbers with points, words
    r"|(?<=[\d)\]])!|[-/(){}\[\]+*^%=<>|~\xb1\xac\u2190-\u22ff]"  # factorials, signs
)
THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
SAME = str.maketrans("\u2212\xd7\xb7\u22c5\xf7", "-***/")
"""Signs that are written in several ways."""
OPEN, CLOSED = frozenset("([{"), frozenset(")]}")
PROSE = OPEN | CLOSED | frozenset("-/")
"""Signs that prose has, too: before a word, after one, or between two."""
PROBLEM = ("problem", "question", "prompt")
SOLUTION = ("solution", "answer")


class HeldOut:
    """The words of held-out tasks."""

    def __init__(self, source: object, ngram: int) -> None:
        """Read held-out tasks.

        Args:
            source: `Task`s, problems as texts, or the path of a JSONL file with `problem` (or `question`) and,
                where known, `solution` (or `answer`).
            ngram: Words in a row that count as overlap; 0 for none.

        Raises:
            UserError: The source is none of these.
        """
        self._ngram = ngram
        self._whole: set[int] = set()
        self._parts: set[int] = set()
        self.tasks = 0
        for problem, solution in _texts(source):
            self.tasks += 1
            found = words(problem)
            self._whole.add(hash(tuple(found)))
            self._parts.update(self._grams(found))
            if solution:
                self._parts.update(self._grams(words(solution)))

    def repeats(self, problem: str) -> bool:
        """Say whether a problem is a held-out one."""
        return hash(tuple(words(problem))) in self._whole

    def overlaps(self, texts: Iterable[str]) -> bool:
        """Say whether a text shares words in a row with a held-out task."""
        if not self._ngram:
            return False
        return any(not self._parts.isdisjoint(self._grams(words(text))) for text in texts)

    def _grams(self, found: Sequence[str]) -> Iterator[int]:
        size = self._ngram
        if not size:
            return iter(())
        return (hash(tuple(found[at : at + size])) for at in range(len(found) - size + 1))


def words(text: str) -> list[str]:
    """Cut a text into lower-case words and signs, the exact normalised form that is compared."""
    found = WORD.findall(THOUSANDS.sub(lambda match: match[0].replace(",", ""), text.lower().translate(SAME)))
    kept = [each for at, each in enumerate(found) if each not in PROSE or not _is_prose(found, at)]
    while kept and kept[-1] == "=":
        kept.pop()
    return kept


def _is_prose(found: Sequence[str], at: int) -> bool:
    """Whether a sign that prose has too stands where prose has it."""
    before = at == 0 or _is_long(found[at - 1])
    after = at + 1 == len(found) or _is_long(found[at + 1])
    return after if found[at] in OPEN else before if found[at] in CLOSED else before and after


def _is_long(word: str) -> bool:
    return len(word) > 1 and word.isalpha()


def _texts(source: object) -> Iterator[tuple[str, str | None]]:
    if isinstance(source, str | Path):
        yield from _file(Path(source))
    elif isinstance(source, Iterable):
        for each in source:
            if isinstance(each, Task):
                yield each.problem, each.solution
            elif isinstance(each, str):
                yield each, None
            else:
                raise UserError(f"heldout: {each!r} is neither a Task nor the text of a problem")
    else:
        raise UserError(f"heldout is a file, tasks or problems, not {source!r}")


def _file(path: Path) -> Iterator[tuple[str, str | None]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TaskFileError(f"the held-out tasks {str(path)!r} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _line(line, f"{path}, line {number}")


def _line(line: str, where: str) -> tuple[str, str | None]:
    try:
        fields: Any = json.loads(line)
    except ValueError as error:
        raise TaskFileError(f"{where}: not JSON ({error})") from error
    if not isinstance(fields, Mapping):
        raise TaskFileError(f"{where}: not a JSON object")
    problem = next((fields[name] for name in PROBLEM if isinstance(fields.get(name), str)), None)
    if problem is None:
        raise TaskFileError(f"{where}: it has no {' or '.join(PROBLEM)}")
    solution = next((fields[name] for name in SOLUTION if isinstance(fields.get(name), str)), None)
    return problem, solution
