import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.graphs.debugging.text_differences import Piece, compare_texts

TEXTS = st.text(st.sampled_from("ab c.\n1"), max_size=60)


def sides(pieces: tuple[Piece, ...]) -> tuple[str, str]:
    first = "".join(text for sign, text in pieces if sign != "+")
    second = "".join(text for sign, text in pieces if sign != "-")
    return first, second


@settings(max_examples=400)
@given(TEXTS, TEXTS)
def test_the_pieces_are_both_texts_and_no_two_neighbours_are_alike(a: str, b: str) -> None:
    pieces = compare_texts(a, b)
    assert sides(pieces) == (a, b)
    signs = "".join(sign for sign, _ in pieces)
    assert all(pair not in signs for pair in ("==", "--", "++", "+-"))
    assert all(text for _, text in pieces)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_can_be_compared(a: str, b: str) -> None:
    assert sides(compare_texts(a, b)) == (a, b)


def test_words_are_compared_and_not_characters() -> None:
    assert compare_texts("6*7=41\nanswer: 41", "6*7=42\nanswer: 42") == (
        Piece("=", "6*7="),
        Piece("-", "41"),
        Piece("+", "42"),
        Piece("=", "\nanswer: "),
        Piece("-", "41"),
        Piece("+", "42"),
    )


def test_a_sentence_that_was_rewritten_is_one_change() -> None:
    assert compare_texts("say the good word", "say my bad word") == (
        Piece("=", "say "),
        Piece("-", "the good"),
        Piece("+", "my bad"),
        Piece("=", " word"),
    )


def test_equal_and_empty_texts() -> None:
    assert compare_texts("", "") == ()
    assert compare_texts("a b", "a b") == (Piece("=", "a b"),)
    assert compare_texts("", "a") == (Piece("+", "a"),)
    assert compare_texts("a", "") == (Piece("-", "a"),)


def words(count: int, seed: int, known: int = 5000) -> str:
    source = random.Random(seed)
    return " ".join(f"w{source.randrange(known)}" for _ in range(count))


@pytest.mark.parametrize("known", [3, 300, 10**6])
def test_a_hundred_kilobytes_take_no_time(known: int) -> None:
    a = words(20_000, 1, known)
    parts = a.split(" ")
    for at in range(0, len(parts), 100):
        parts[at] = "changed"
    b = " ".join(parts)
    begun = time.perf_counter()
    pieces = compare_texts(a, b)
    assert time.perf_counter() - begun < 2
    assert sides(pieces) == (a, b)


@pytest.mark.slow
@pytest.mark.parametrize("line", [60, 10**8])
@pytest.mark.parametrize("known", [3, 10**6])
def test_ten_megabytes_stay_within_bounds(line: int, known: int) -> None:
    source = random.Random(known)
    parts = [f"w{source.randrange(known):07}" for _ in range(600_000)]
    a = "".join(text + ("\n" if at % line == 0 else " ") for at, text in enumerate(parts))
    source.shuffle(parts)
    b = "".join(text + ("\n" if at % line == 0 else " ") for at, text in enumerate(parts))
    begun = time.perf_counter()
    pieces = compare_texts(a, b)
    assert time.perf_counter() - begun < 10
    assert sides(pieces) == (a, b)


@pytest.mark.slow
@pytest.mark.parametrize("known", [3, 10**6])
def test_a_change_within_a_long_line_is_found(known: int) -> None:
    a = words(1_000_000, 7, known)
    middle = a.index(" ", len(a) // 2)
    b = f"{a[:middle]} something else {a[middle:]}"
    pieces = compare_texts(a, b)
    assert sides(pieces) == (a, b)
    assert sum(len(text) for sign, text in pieces if sign != "=") < 100


def test_single_words_are_found_among_words_that_repeat() -> None:
    parts = ["x", "1", "y", "2"] * 500
    b = parts.copy()
    for at in range(50, 2000, 200):
        b[at] = "z"
    pieces = compare_texts(" ".join(parts), " ".join(b))
    assert sides(pieces) == (" ".join(parts), " ".join(b))
    assert sum(len(text) for sign, text in pieces if sign == "+") == 10
