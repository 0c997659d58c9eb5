import hashlib
import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.tools import steps
from tutelage.tools.families import FAMILIES, make_tasks, split_of
from tutelage.tools.families.columns import columns, recompute, slipped
from tutelage.types import Task

CELLS = [(family, difficulty) for family in FAMILIES for difficulty in range(1, 6)]


@pytest.mark.parametrize(("family", "difficulty"), CELLS)
def test_every_worked_solution_passes_its_own_check_and_review(family: str, difficulty: int) -> None:
    for task in make_tasks(family, difficulty, 100, seed=3):
        assert task.solution is not None
        check = FAMILIES[family].check(task, task.solution)
        assert check.right and all(check.steps) and len(check.steps) == len(steps(task.solution))
        assert check.first_wrong is None
        review = FAMILIES[family].review(task, task.solution)
        assert review.endswith("verdict: right") and " not " not in review


@pytest.mark.parametrize(("family", "difficulty"), CELLS)
def test_a_slip_is_found_named_and_repaired(family: str, difficulty: int) -> None:
    rng, kind = Random(1), FAMILIES[family]
    for task in make_tasks(family, difficulty, 100, seed=4):
        attempt = kind.slip(task, rng)
        check = kind.check(task, attempt)
        assert not check.right
        assert kind.review(task, attempt).endswith(f"verdict: wrong at step {check.first_wrong}")
        repaired = kind.repair(task, attempt, rng)
        assert kind.check(task, repaired).right
        assert check.first_wrong is not None
        if family != "countdown":
            assert steps(repaired)[: check.first_wrong - 1] == steps(attempt)[: check.first_wrong - 1]


@pytest.mark.parametrize(("family", "difficulty"), CELLS)
def test_a_hint_does_not_tell_the_answer(family: str, difficulty: int) -> None:
    rng, kind = Random(2), FAMILIES[family]
    tasks = make_tasks(family, difficulty, 200, seed=5)
    hints = [kind.hint(task, kind.slip(task, rng)) for task in tasks]
    told = [hint for task, hint in zip(tasks, hints, strict=True) if hint.endswith(f"={task.reference}")]
    assert len(told) <= 8, "a value on the way equals the answer by chance only"


@pytest.mark.parametrize("family", FAMILIES)
@given(text=st.text(max_size=200))
def test_any_text_can_be_checked_and_reviewed(family: str, text: str) -> None:
    task = make_tasks(family, 3, 1, seed=6)[0]
    check = FAMILIES[family].check(task, text)
    assert not check.right
    assert FAMILIES[family].review(task, text).endswith(f"verdict: wrong at step {check.first_wrong}")


@given(a=st.integers(0, 99999), b=st.integers(0, 99999), op=st.sampled_from("+*"))
def test_columns_read_as_the_result(a: int, b: int, op: str) -> None:
    entries = columns(a, op, b)
    total = sum(entry % 10 * 10**i for i, entry in enumerate(entries))
    total += entries[-1] // 10 * 10 ** len(entries)
    assert total == (a + b if op == "+" else a * b)


@given(value=st.integers(0, 99999), seed=st.integers(0, 1000))
def test_a_slipped_number_is_another_natural_number(value: int, seed: int) -> None:
    wrong = slipped(value, Random(seed))
    assert wrong >= 0 and wrong != value


def test_differences_and_quotients_are_recomputed_backwards() -> None:
    assert recompute(510, "-", 129, 381) == "381+129 = 10 11 5 -> 510 ok"
    assert recompute(510, "-", 129, 380) == "380+129 = 9 10 5 -> 509 not 510"
    assert recompute(21, "/", 3, 7) == "7*3 = 21 -> 21 ok"
    assert recompute(85, "*", 6, 520) == "85*6 = 30 51 -> 510 not 520"


def test_an_equation_may_be_solved_in_another_order() -> None:
    task = Task(id="t", problem="Solve 5x+12=2x+33.", family="equations")
    kind = FAMILIES["equations"]
    assert kind.check(task, "5x=2x+21\n3x=21\nx=7\nanswer: 7").right
    assert not kind.check(task, "5x=2x+21\n3x=21\nx=8\nanswer: 8").right
    assert not kind.check(task, "answer: 7").right


def test_countdown_refuses_numbers_that_are_not_there() -> None:
    task = Task(id="t", problem="Reach 78 from 3, 25, 50.", family="countdown")
    kind = FAMILIES["countdown"]
    assert kind.check(task, "50+25=75\n75+3=78\nanswer: (50+25)+3").right
    assert kind.check(task, "75+3=78\nanswer: 75+3").first_wrong == 1
    assert kind.check(task, "50+25=75\nanswer: 50+25").first_wrong == 2
    assert kind.review(task, "50*3=150\n150-25=125\nanswer: (50*3)-25").splitlines()[-2:] == [
        "3: 125 not 78",
        "verdict: wrong at step 3",
    ]


@pytest.mark.parametrize(("family", "difficulty"), CELLS)
def test_a_task_is_in_one_split_whatever_the_seed(family: str, difficulty: int) -> None:
    heldout = {
        FAMILIES[family].key(task) for task in make_tasks(family, difficulty, 40, seed=1, split="heldout")
    }
    train = {FAMILIES[family].key(task) for task in make_tasks(family, difficulty, 60, seed=7, split="train")}
    assert not heldout & train
    assert all(split_of(task) == "dev" for task in make_tasks(family, difficulty, 20, seed=9, split="dev"))


def test_the_same_seed_gives_the_same_tasks_for_ever() -> None:
    frozen = json.loads(Path(__file__).with_name("frozen_tasks.json").read_text())
    for name, digest in frozen.items():
        family, difficulty = name.split("-")
        tasks = make_tasks(family, int(difficulty), 100, seed=0, split="heldout")
        assert digest == hashlib.sha256("\n".join(task.problem for task in tasks).encode()).hexdigest()


def test_what_cannot_be_drawn_is_one_clear_error() -> None:
    with pytest.raises(UserError, match="unknown family 'poetry'"):
        make_tasks("poetry", 1, 1, seed=0)
    with pytest.raises(UserError, match="dial goes from 1 to 5"):
        make_tasks("countdown", 9, 1, seed=0)
    with pytest.raises(UserError, match="different tasks"):
        make_tasks("countdown", 1, 100_000, seed=0, split="dev")
