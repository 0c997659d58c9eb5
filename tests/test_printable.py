import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.printable import printable

DIRECTION = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = {"\u200e", "\u200f", "\u061c"}

hostile = st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]) | st.characters(), max_size=200)


def is_control(character: str) -> bool:
    return character != "\n" and (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in DIRECTION
        or character in MARKS
    )


def test_no_control_character_of_unicode_survives() -> None:
    everything = map(chr, range(sys.maxunicode + 1))
    survivors = [each for each in everything if is_control(each) and any(map(is_control, printable(each)))]
    assert survivors == []


@given(hostile)
@settings(deadline=None, max_examples=300)
def test_no_control_character_survives_in_any_text(text: str) -> None:
    shown = printable(text)
    assert not any(map(is_control, shown))
    assert printable(shown) == shown
    shown.encode()


@given(hostile)
@settings(deadline=None, max_examples=100)
def test_lines_stay_lines(text: str) -> None:
    assert printable(text).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07\x1b[2J", "⟨U+001B⟩]0;owned⟨U+0007⟩⟨U+001B⟩[2J"),
        ("\x9b31mred", "⟨U+009B⟩31mred"),
        ("safe\rrm -rf", "safe⟨U+000D⟩rm -rf"),
        ("user\u202enimda", "user⟨U+202E⟩nimda"),
        ("a\u2028b\x85c", "a⟨U+2028⟩b⟨U+0085⟩c"),
        ("\ud83d half", "⟨U+D83D⟩ half"),
        ("hidden\U000e0041", "hidden⟨U+E0041⟩"),
        ("x\ty", "x    y"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 + 3 = 5\nanswer: 5",
        "naïve ∑ Ωμέγα",
        "שלום",
        "नमस्ते",
        "👩\u200d👩\u200d👧 ❤\ufe0f",
        "\u0645\u06cc\u200c\u062e\u0648",
    ],
)
def test_writing_of_all_scripts_stays(text: str) -> None:
    assert printable(text) == text
