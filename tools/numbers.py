r"""Reading the one number of an answer: `$1,200.50`, `3 1/2 cups`, `50%`, `-1.8 billion`, `x = 18`.

A number may stand among words, units and currency signs; a percent sign counts as a unit. An answer with
several numbers (`17 or 18`, `5 h 30 min`, `7:30`), with operations left undone (`2*9`, `2^5`, `\sqrt{2}`) or
with an inequality has no number: reading one of them would be a guess. Digits inside a word (`H2O`, `m^2`)
belong to the word. Not covered: number words, a decimal comma, complex numbers, infinities.
"""

import re
import unicodedata
from fractions import Fraction

__all__ = ["number_key", "read_number"]

LONGEST = 1000
LARGEST_EXPONENT = 300
LARGEST = 10**LARGEST_EXPONENT
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

DECIMAL = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
NUMBER = re.compile(
    rf"""
    (?:(?P<whole>[0-9]+)\ +(?=[0-9]+\s*/\s*[0-9]))?
    (?P<decimal>{DECIMAL})
    (?:e(?P<e>[-+]?[0-9]+)|\s*[\u00d7*x]\s*10\s*\^\s*(?P<power>[-+]?[0-9]+))?
    (?:\s*/\s*(?P<denominator>{DECIMAL}))?
    (?:\s*(?P<scale>{"|".join(SCALES)})s?\b)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
INSIDE_A_WORD = re.compile(r"(?:[^\W\d]|[\^_])-?$")
CURRENCY = re.compile(r"[$€£¥₹]")
SIGN = re.compile(r"^\s*(?P<first>[-+])\s*$|[\s(:](?P<later>[-+])$")
UNDONE_BEFORE = re.compile(r"[-+*\u00d7·÷/√^)]\s*$")
UNDONE_AFTER = re.compile(r"\s*[+*\u00d7·÷^²³π√!]")
UNREADABLE = re.compile(r"[\\<>≤≥≠]")
VULGAR = re.compile("\\s*([\u00bc-\u00be\u2150-\u215e])")
OTHER_WRITINGS = (
    (re.compile("[\u2010\u2011\u2212]"), "-"),
    (re.compile("[\u00a0\u2009\u202f]"), " "),
    (re.compile(r"(?<=[0-9])\\([dt]?frac)(?![A-Za-z])"), r" \\\1"),
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\\[dt]?frac\s*([0-9])\s*([0-9])"), r"\1/\2"),
    (re.compile(r"\\(?:text|textbf|mathrm|mbox)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"(?<=[0-9])(?:\{,\}|\\[,!;: ])(?=[0-9]{3})"), ","),
    (re.compile(r"\\[,!;: ]"), " "),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\\(?:times|cdot)\b"), "\u00d7"),
    (re.compile(r"\\approx\b|≈"), "="),
    (re.compile(r"\^\s*\{([^{}]*)\}"), r"^\1"),
)
"""Other ways of writing, each with the one that `NUMBER` reads."""


def read_number(text: str) -> Fraction | None:
    """The value of the only number in an answer's text; where the text has a `=`, in what follows it.

    Args:
        text: A final answer, as `final_answer` gives it.

    Returns:
        The exact value as written; `None` where there is no number, or more than one, or none worked out.
    """
    if len(text) > LONGEST:
        return None
    text = plainly_written(text)
    if UNREADABLE.search(text):
        return None
    text = text.rpartition("=")[2]
    found = [m for m in NUMBER.finditer(text) if not inside_a_word(text, m.start())]
    if len(found) != 1 or UNDONE_AFTER.match(text, found[0].end()):
        return None
    before = CURRENCY.sub("", text[: found[0].start()])
    if sign := SIGN.search(before):
        size = magnitude(found[0])
        return -size if size is not None and "-" in sign.groups() else size
    return None if UNDONE_BEFORE.search(before) else magnitude(found[0])


def number_key(value: Fraction) -> str:
    """The canonical text of a number: whole numbers in full, others to ten significant digits."""
    if value.denominator == 1:
        return str(value.numerator)
    near = format(float(value), ".10g")
    return near if "e" in near else number_key(whole) if (whole := Fraction(near)).denominator == 1 else near


def inside_a_word(text: str, start: int) -> bool:
    """Whether digits at `start` continue a word, an exponent or an index."""
    return INSIDE_A_WORD.search(text[max(start - 2, 0) : start]) is not None


def plainly_written(text: str) -> str:
    """The text with LaTeX, Unicode's minus signs and spaces, and fractions of one character spelled out."""
    text = VULGAR.sub(lambda m: " " + unicodedata.normalize("NFKC", m[1]).replace("\u2044", "/"), text)
    for pattern, instead in OTHER_WRITINGS:
        text = pattern.sub(instead, text)
    return text


def magnitude(found: re.Match[str]) -> Fraction | None:
    """The value of a match of `NUMBER`; `None` if it divides by zero or is too large to be meant."""
    exponent = int(found["e"] or found["power"] or 0)
    if abs(exponent) > LARGEST_EXPONENT:
        return None
    size = Fraction(found["decimal"].replace(",", "")) * Fraction(10) ** exponent
    if found["denominator"]:
        divisor = Fraction(found["denominator"].replace(",", ""))
        if not divisor:
            return None
        size /= divisor
    size += int(found["whole"] or 0)
    size *= SCALES[found["scale"].lower()] if found["scale"] else 1
    return size if size < LARGEST else None
