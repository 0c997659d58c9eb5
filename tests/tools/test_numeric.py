from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.tools import Numeric, numeric
from tutelage.types import Task


def passes(reference: str, answer: str) -> bool | None:
    return numeric.score(Task(id="1", problem="?", reference=reference), f"answer: {answer}").passed


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("18", "18"),
        ("18.0", "18"),
        ("18.", "18"),
        ("+18", "18"),
        ("$18", "18"),
        ("US$ 18", "18"),
        (r"\$18", "18"),
        ("$18$", "18"),
        ("**18** dollars", "18"),
        ("18 dollars per day.", "18"),
        ("18/day", "18"),
        ("18 m^2", "18"),
        ("18 km2", "18"),
        ("2*9=18", "18"),
        ("x = 18", "18"),
        ("about ≈ 18", "18"),
        ("1,450,000", "1450000"),
        ("1{,}000", "1000"),
        (r"1\,000", "1000"),
        ("$1,200.50", "1200.5"),
        (".5", "0.5"),
        ("-10", "-10"),
        ("-$10", "-10"),
        ("$-10", "-10"),
        ("\u221210", "-10"),
        ("a loss of -10", "-10"),
        ("1/2", "0.5"),
        ("1 / 2", "0.5"),
        ("½", "0.5"),
        ("3 1/2 cups", "3.5"),
        ("3½", "3.5"),
        ("-3 1/2", "-3.5"),
        (r"\frac{3}{4}", "0.75"),
        (r"-\dfrac12", "-0.5"),
        (r"3\frac{1}{2}", "3.5"),
        (r"18\text{ eggs}", "18"),
        ("50%", "50"),
        (r"50\%", "50"),
        ("-1.8 billion", "-1800000000"),
        ("3 millions", "3000000"),
        ("1.5e3", "1500"),
        (r"1.5 \times 10^{-3}", "0.0015"),
        ("17.999999999999996", "18"),
        ("201.89999999999998", "201.9"),
    ],
)
def test_a_number_is_read_as_it_is_meant(answer: str, key: str) -> None:
    assert numeric.answer(f"answer: {answer}") == key


SEVERAL = ("17 or 18", "10-12", "5 h 30 min", "7:30", "1,2", "1,0000", "5.0.1")
UNDONE = ("2*9", "2**5", "2^5", "18²", "5!", "x - 3", "3 + x", r"\sqrt{2}", "2π", "x/2", "1/0", "x > 5")
NOT_READ = ("eighteen", "H2O", "COVID-19", "1e999999999", "9" * 2000)


@pytest.mark.parametrize("answer", [*SEVERAL, *UNDONE, *NOT_READ])
def test_where_a_number_would_be_a_guess_there_is_none(answer: str) -> None:
    assert numeric.answer(f"answer: {answer}") is None
    assert passes("5", answer) is False


def test_a_recorded_gsm8k_solution_is_graded_with_its_annotations() -> None:
    task = Task(id="1", problem="?", reference="3000")
    assert numeric.score(task, "She pays 2*1500=$<<2*1500=3000>>3,000\nA: 3,000").passed
    assert not numeric.score(task, "She pays 3000 / 12 = <<3000/12=250.0>>").passed


def test_whole_numbers_must_be_equal_others_nearly() -> None:
    assert not passes("10000000", "10000001")
    assert passes("1/3", "0.33333333")
    assert not passes("1/3", "0.333")
    assert passes("0", "0.0000000000001")
    loose = Numeric(relative_tolerance=0.01)
    assert loose.score(Task(id="1", problem="?", reference="1/3"), "answer: 0.333").passed


@pytest.mark.parametrize("tolerance", [-1.0, 1.0, float("nan")])
def test_a_tolerance_that_is_none_is_refused(tolerance: float) -> None:
    with pytest.raises(UserError, match="relative_tolerance"):
        Numeric(relative_tolerance=tolerance)


def test_a_reference_that_is_no_number_is_the_callers_error() -> None:
    with pytest.raises(UserError, match=r"task '1' has the reference 'Tuesday'.*'exact'"):
        passes("Tuesday", "5")


def test_feedback_quotes_the_answer_and_hides_the_reference() -> None:
    feedback = numeric.score(Task(id="1", problem="?", reference="18"), "answer: $26").feedback
    assert feedback == "the answer '26' is wrong"


@given(st.integers())
def test_every_whole_number_is_its_own_key_however_grouped(number: int) -> None:
    assert numeric.answer(f"answer: {number}") == str(number)
    assert numeric.answer(f"answer: {number:,}") == str(number)
    assert numeric.answer(f"answer: {number}.00 dollars.") == str(number)


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4))
def test_a_fraction_its_decimal_and_its_latex_are_equal(numerator: int, denominator: int) -> None:
    decimal = format(float(Fraction(numerator, denominator)), ".12f")
    assert passes(f"{numerator}/{denominator}", decimal)
    assert passes(decimal, rf"\frac{{{numerator}}}{{{denominator}}}")
    assert numerator == 0 or not passes(f"{numerator}/{denominator}", f"{-numerator}/{denominator}")


@given(st.floats(1e-200, 1e200) | st.floats(-1e200, -1e-200) | st.just(0.0))
def test_every_float_is_read_and_its_key_is_its_own_key(number: float) -> None:
    key = numeric.answer(f"answer: {number!r}")
    assert key is not None
    assert float(key) == pytest.approx(number, rel=1e-9, abs=1e-300)
    assert numeric.answer(f"answer: {key}") == numeric.answer(f"answer: {numeric.answer(f'answer: {key}')}")


@given(st.text(alphabet="0123456789.,-+*/^$%=() exX½\\{}<>frac\n", max_size=60))
def test_any_answer_is_read_without_an_error(text: str) -> None:
    passes("5", text)
