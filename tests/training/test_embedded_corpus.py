import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice

import pytest

from tutelage.agents.roles import Prompt
from tutelage.graphs import annotated as shown_by_magicore
from tutelage.tools.families import FAMILIES, Family, make_tasks, split_of
from tutelage.training.embedded.corpus import MAIN, POLISH, Attempt, Attempts, Example, Mix, annotated, corpus
from tutelage.types import Task

PROMPTS = {
    "solve": "solver",
    "hinted": "solver_hinted",
    "review": "reviewer",
    "refine": "refiner",
    "hint": "teacher_hint",
    "correct": "teacher_correct",
    "judge": "judge",
}
FIRST_WORDS = {"Compute": "arithmetic", "Solve": "equations", "Reach": "countdown"}
OWN_WRONG = "answer: 0"
"""Wrong for every task, and no family slips like this."""


def drawn(mix: Mix, count: int, *, seed: int = 3, own: Attempts | None = None) -> list[Example]:
    share = 0.0 if own is None else 1.0
    return list(islice(corpus(seed, own or {}, share, mix), count))


@cache
def pattern_of(role: str) -> re.Pattern[str]:
    """The role's packaged prompt, whose fields may be anything; problems and hints are one line."""
    text = re.escape(Prompt.load(PROMPTS[role]).text)
    one_line = re.sub(r"\\{(problem|hint)\\}", r"(?P<\1>[^\\n]+)", text)
    return re.compile(re.sub(r"\\{([a-z]+)\\}", r"(?P<\1>.+?)", one_line), re.DOTALL)


def read(role: str, example: Example) -> Mapping[str, str]:
    """What was filled into the role's prompt."""
    found = pattern_of(role).fullmatch(example.prompt)
    assert found is not None
    return found.groupdict()


def role_of(example: Example) -> str:
    (role,) = (role for role in PROMPTS if pattern_of(role).fullmatch(example.prompt))
    return role


def known(problem: str, solution: str | None = None) -> tuple[Family, Task]:
    family = FIRST_WORDS[problem.split()[0]]
    return FAMILIES[family], Task(id="", problem=problem, family=family, solution=solution)


def right(problem: str, solution: str) -> bool:
    family, task = known(problem)
    return family.check(task, solution).right


def plain(shown: str) -> str:
    """The solution without the values of its steps."""
    return re.sub(r" \[\d\.\d\]$", "", shown, flags=re.MULTILINE)


@pytest.fixture
def own() -> Attempts:
    """For every family, right solutions of four tasks and wrong ones of four others."""
    found: dict[tuple[str, bool], Sequence[Attempt]] = {}
    for family in FAMILIES:
        tasks = make_tasks(family, 3, 8, seed=11)
        found[family, True] = [Attempt(task, task.solution or "", True) for task in tasks[:4]]
        found[family, False] = [Attempt(task, OWN_WRONG, False) for task in tasks[4:]]
    return found


def test_the_same_seed_gives_the_same_examples(own: Attempts) -> None:
    assert drawn(MAIN, 200, seed=1, own=own) == drawn(MAIN, 200, seed=1, own=own)
    assert drawn(MAIN, 200, seed=1) != drawn(MAIN, 200, seed=2)


@pytest.mark.parametrize("mix", [MAIN, POLISH])
def test_every_task_is_of_the_training_split(mix: Mix) -> None:
    for example in drawn(mix, 1500):
        _, task = known(read(role_of(example), example)["problem"])
        assert split_of(task) == "train"


@pytest.mark.parametrize("mix", [MAIN, POLISH])
def test_roles_speak_as_often_as_the_mix_says(mix: Mix) -> None:
    said = Counter(map(role_of, drawn(mix, 3000)))
    for role, weight in mix.weights.items():
        assert said[role] / 3000 == pytest.approx(weight / sum(mix.weights.values()), abs=0.03)


@pytest.mark.parametrize("mix", [MAIN, POLISH])
def test_families_are_drawn_as_often_as_the_mix_says(mix: Mix) -> None:
    drawn_from = Counter(known(read(role_of(each), each)["problem"])[0].name for each in drawn(mix, 3000))
    assert drawn_from.keys() == FAMILIES.keys()
    for family, weight in mix.families.items():
        assert drawn_from[family] / 3000 == pytest.approx(weight / sum(mix.families.values()), abs=0.04)


def test_the_main_part_solves_without_a_slip() -> None:
    solved = [each for each in drawn(MAIN, 3000) if role_of(each) == "solve"]
    assert len(solved) > 1000
    assert all(right(read("solve", each)["problem"], each.completion) for each in solved)


@pytest.mark.parametrize("careless", [POLISH.careless, 0.6, 1.0])
def test_a_careless_solver_slips_as_often_as_the_mix_says(careless: float) -> None:
    examples = drawn(Mix({"solve": 1}, careless=careless), 1500)
    wrong = sum(not right(read("solve", each)["problem"], each.completion) for each in examples)
    assert wrong / 1500 == pytest.approx(careless, abs=0.04)


def test_only_the_solver_is_careless() -> None:
    for role in ("hinted", "refine", "correct"):
        examples = drawn(Mix({role: 1}, careless=1.0), 200)
        assert all(right(read(role, each)["problem"], each.completion) for each in examples)


def test_a_review_is_the_families_own() -> None:
    verdicts = Counter[bool]()
    for example in drawn(Mix({"review": 1}), 600):
        found = read("review", example)
        family, task = known(found["problem"])
        solution = plain(found["solution"])
        assert example.completion == family.review(task, solution)
        verdicts[family.check(task, solution).right] += 1
    assert min(verdicts.values()) > 250


def test_step_values_are_shown_now_and_then_and_lower_where_it_went_wrong() -> None:
    marked = 0
    for example in drawn(Mix({"review": 1}), 600):
        found = read("review", example)
        values = [float(value) for value in re.findall(r" \[(\d\.\d)\]$", found["solution"], re.MULTILINE)]
        if not values:
            continue
        marked += 1
        family, task = known(found["problem"])
        flags = family.check(task, plain(found["solution"])).steps
        assert all(value >= 0.5 if flag else value <= 0.6 for value, flag in zip(values, flags, strict=True))
    assert 150 < marked < 270


def test_what_is_refined_ends_right() -> None:
    for example in drawn(Mix({"refine": 1}), 600):
        assert right(read("refine", example)["problem"], example.completion)


def test_a_right_solution_stays_as_it_is_whatever_its_review_says() -> None:
    alarms = 0
    for example in drawn(Mix({"refine": 1}), 1500):
        found = read("refine", example)
        if right(found["problem"], plain(found["solution"])):
            assert example.completion == plain(found["solution"])
            alarms += "verdict: wrong" in found["review"]
    assert alarms > 100


def test_reviews_of_wrong_solutions_that_are_refined_are_exact() -> None:
    for example in drawn(Mix({"refine": 1}), 600):
        found = read("refine", example)
        family, task = known(found["problem"])
        solution = plain(found["solution"])
        if not family.check(task, solution).right:
            assert found["review"] == family.review(task, solution)


def test_a_hint_is_given_on_a_wrong_attempt_and_is_the_families_own() -> None:
    for example in drawn(Mix({"hint": 1}), 300):
        found = read("hint", example)
        family, task = known(found["problem"], found["reference"])
        assert not family.check(task, found["solution"]).right
        assert example.completion == family.hint(task, found["solution"])


def test_under_a_hint_the_solution_is_right() -> None:
    for example in drawn(Mix({"hinted": 1}), 300):
        found = read("hinted", example)
        assert found["hint"]
        assert right(found["problem"], example.completion)


def test_what_is_corrected_ends_right_whether_the_reference_is_worked_or_not() -> None:
    worked = 0
    for example in drawn(Mix({"correct": 1}), 300):
        found = read("correct", example)
        assert not right(found["problem"], found["solution"])
        assert right(found["problem"], example.completion)
        worked += right(found["problem"], found["reference"])
    assert 150 < worked < 270


def test_a_judge_says_yes_to_right_solutions_only() -> None:
    said = Counter[str]()
    for example in drawn(Mix({"judge": 1}), 600):
        found = read("judge", example)
        assert example.completion == ("yes" if right(found["problem"], found["solution"]) else "no")
        said[example.completion] += 1
    assert min(said.values()) > 250


@pytest.mark.parametrize("role", ["review", "judge"])
def test_own_attempts_are_shown_where_there_are_any(own: Attempts, role: str) -> None:
    sampled = {(attempt.task.problem, attempt.solution) for attempts in own.values() for attempt in attempts}
    shown = {
        (found["problem"], plain(found["solution"]))
        for found in (read(role, each) for each in drawn(Mix({role: 1}), 400, own=own))
    }
    assert shown == sampled


def test_the_solver_never_learns_the_models_own_attempts(own: Attempts) -> None:
    examples = drawn(Mix({"solve": 1}, careless=1.0), 400, own=own)
    assert not [each for each in examples if each.completion == OWN_WRONG]
    assert len({each.prompt for each in examples}) > 300


def test_step_values_are_shown_as_magicore_shows_them() -> None:
    for family in FAMILIES:
        for task in make_tasks(family, 4, 5, seed=2):
            solution = task.solution or ""
            values = [number / 7 for number in range(len(solution.splitlines()))]
            assert annotated(solution, values) == shown_by_magicore(solution, values)
