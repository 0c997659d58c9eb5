import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tutelage.errors import MissingDependency, UserError
from tutelage.tools import MathAnswer, math_answer
from tutelage.types import Task

ENDLESS = r"9^{9^{9^{9}}}"


def passes(reference: str, answer: str) -> bool | None:
    return math_answer.score(Task(id="1", problem="?", reference=reference), f"answer: {answer}").passed


def test_a_plain_number_needs_no_process() -> None:
    verifier = MathAnswer()
    assert verifier.score(Task(id="1", problem="?", reference="1,000"), r"\boxed{1000 \text{ eggs}}").passed
    assert verifier.answer("answer: $18.00") == "18"
    assert verifier.process.process is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (r"\frac{1}{2}", "0.5"),
        ("5", "x=5"),
        (r"\{1,2\}", r"\{2, 1\}"),
        ("(1,2)", r"\left(1, 2\right)"),
        (r"2\sqrt{3}", r"$\sqrt{12}$"),
        ("x^2+2x+1", "(x+1)^2"),
        (r"50\%", "0.5"),
        (r"\text{Tuesday}", r"\text{Tuesday}"),
        ("Tuesday", "tuesday."),
    ],
)
def test_the_same_mathematics_passes(reference: str, answer: str) -> None:
    assert passes(reference, answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("2", "2x"),
        ("5", "1 or 5"),
        ("5", r"7}\boxed{5"),
        ("5", "} and {"),
        ("(1,2)", "(2,1)"),
        ("dear", "read"),
        (r"\pi", "3.14"),
        ("5", "\ud800"),
    ],
)
def test_other_mathematics_does_not_pass(reference: str, answer: str) -> None:
    assert passes(reference, answer) is False


@pytest.mark.slow
def test_equal_answers_have_one_vote() -> None:
    assert (
        len(
            {math_answer.answer(f"answer: {text}") for text in (r"\frac12", "0.5", r"$\frac{2}{4}$", "x=1/2")}
        )
        == 1
    )
    assert math_answer.answer(r"answer: 2\sqrt{3}") == math_answer.answer(r"\boxed{\sqrt{12}}")
    assert math_answer.answer("answer: Tuesday.") == "tuesday"
    assert math_answer.answer("no idea") is None


@pytest.mark.slow
def test_an_endless_computation_is_given_up_and_the_next_one_works() -> None:
    verifier = MathAnswer(deadline=1.0)
    verifier.answer(r"answer: \sqrt{12}")
    started = time.monotonic()
    task = Task(id="1", problem="?", reference=r"\sqrt{3}")
    score = verifier.score(task, f"answer: {ENDLESS}")
    assert time.monotonic() - started < 10
    assert score.passed is False and score.feedback is not None and ENDLESS in score.feedback
    assert verifier.answer(f"answer: {ENDLESS}") == ENDLESS
    assert verifier.score(task, r"answer: \frac{3}{\sqrt{3}}").passed


@pytest.mark.slow
def test_it_works_from_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: passes(rf"{i}\sqrt{{2}}", rf"\sqrt{{{2 * i * i}}}"), range(1, 25)))
    assert results == [True] * 24


@pytest.mark.slow
def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    monkeypatch.delitem(sys.modules, "math_verify")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    with pytest.raises(MissingDependency, match=r"math-verify.*pip install 'tutelage\[math\]'"):
        MathAnswer().answer("answer: (1,2)")


def test_the_door_loads_neither_sympy_nor_torch() -> None:
    code = "import sys, tutelage.tools; print({'sympy', 'math_verify', 'torch', 'numpy'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"


def test_a_deadline_must_be_positive() -> None:
    with pytest.raises(UserError, match="deadline is 0"):
        MathAnswer(deadline=0)


def test_a_task_without_reference_is_refused() -> None:
    with pytest.raises(UserError, match="'math_answer'"):
        math_answer.score(Task(id="1", problem="?"), "answer: 1")
