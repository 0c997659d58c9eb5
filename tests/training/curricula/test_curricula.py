from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.training.curricula.bandits import SelfEvolving, UpperConfidence
from tutelage.training.curricula.curriculum import Curriculum, Result, Uniform
from tutelage.training.curricula.difficulty import AdaptiveTarget, Staged, Window
from tutelage.training.curricula.progress import LearningProgress
from tutelage.types import Task

TASKS = [
    Task(id=f"{family}-{level}-{at}", problem="?", family=family, difficulty=level)
    for family in ("a", "b")
    for level in (1, 2, 3)
    for at in range(10)
]
KINDS = [Uniform, Staged, Window, AdaptiveTarget, SelfEvolving, UpperConfidence, LearningProgress]


def result(task: Task, passed: float = 0.5, advantage: float = 0.0) -> Result:
    return Result(
        task=task.id,
        family=task.family,
        difficulty=task.difficulty,
        passed=passed,
        reward=passed,
        advantage=advantage,
    )


def taught(curriculum: Curriculum, steps: int, pays: dict[str, float]) -> Curriculum:
    """Let families pay so much advantage for some steps."""
    for step in range(steps):
        drawn = curriculum.draw(TASKS, 12, (0, step, 0))
        curriculum.learn([result(task, advantage=pays[task.family or ""]) for task in drawn])
    return curriculum


def families(tasks: Sequence[Task]) -> Counter[str | None]:
    return Counter(task.family for task in tasks)


@pytest.mark.parametrize("kind", KINDS)
def test_a_draw_holds_no_task_twice_and_depends_on_its_number_alone(kind: type[Curriculum]) -> None:
    for number in ((0, 0, 0), (0, 3, 0), (7, 3, 0), (0, 3, 1)):
        drawn = kind().draw(TASKS, 12, number)
        assert len({task.id for task in drawn}) == len(drawn) > 0
        assert drawn == kind().draw(TASKS, 12, number)


@pytest.mark.parametrize("kind", KINDS)
def test_told_the_same_results_again_it_draws_the_same(kind: type[Curriculum]) -> None:
    first, again = kind(), kind()
    told = []
    for step in range(5):
        drawn = first.draw(TASKS, 12, (0, step, 0))
        told.append([result(task, passed=step / 5, advantage=0.1 * step) for task in drawn])
        first.learn(told[-1])
    for results in told:
        again.learn(results)
    assert first.draw(TASKS, 12, (0, 5, 0)) == again.draw(TASKS, 12, (0, 5, 0))


@given(st.integers(1, 70), st.integers(0, 9))
def test_uniform_takes_none_a_second_time_before_all_had_their_turn(count: int, seed: int) -> None:
    curriculum = Uniform()
    times: Counter[str] = Counter()
    for step in range(3 * len(TASKS) // count + 2):
        drawn = [task.id for task in curriculum.draw(TASKS, count, (seed, step, 0))]
        assert len(set(drawn)) == len(drawn) == min(count, len(TASKS))
        times.update(drawn)
        assert max(times.values()) - min(times[task.id] for task in TASKS) <= 1


@pytest.mark.parametrize("kind", [SelfEvolving, UpperConfidence])
def test_a_bandit_comes_to_prefer_what_pays(kind: type[SelfEvolving | UpperConfidence]) -> None:
    curriculum = taught(kind(), 60, {"a": 0.0, "b": 0.5})
    drawn = [task for step in range(100, 120) for task in curriculum.draw(TASKS, 6, (0, step, 0))]
    assert families(drawn)["b"] > 1.5 * families(drawn)["a"]


@pytest.mark.parametrize("kind", [SelfEvolving, UpperConfidence])
@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_bandit_without_temperature_is_refused(kind: Any, temperature: float) -> None:
    with pytest.raises(UserError, match="it must be above 0"):
        kind(temperature=temperature).draw(TASKS, 4, (0, 0, 0))


def test_a_value_moves_by_the_rate_towards_the_pay() -> None:
    curriculum = SelfEvolving(rate=0.25)
    curriculum.learn([result(TASKS[0], advantage=0.4), result(TASKS[1], advantage=0.8)])
    assert curriculum.values == {"a/1": pytest.approx(0.15)}


def test_what_was_never_drawn_has_the_highest_upper_bound() -> None:
    curriculum = UpperConfidence(temperature=0.01)
    curriculum.learn([result(task, advantage=0.1) for task in TASKS if task.family == "a"])
    assert families(curriculum.draw(TASKS, 10, (0, 0, 0))) == {"b": 10}


def test_progress_up_or_down_is_preferred() -> None:
    curriculum = LearningProgress(explore=0.0)
    for step in range(6):
        curriculum.learn([result(task, passed=0.1 * step if task.family == "a" else 0.5) for task in TASKS])
    assert families(curriculum.draw(TASKS, 12, (0, 0, 0))) == {"a": 12}


def test_stages_open_when_enough_pass_or_after_some_steps() -> None:
    curriculum = Staged(passed=0.8, steps=3)
    levels = []
    for step, passed in enumerate((0.9, 0.1, 0.1, 0.1, 0.1)):
        drawn = curriculum.draw(TASKS, 60, (0, step, 0))
        levels.append({task.difficulty for task in drawn})
        curriculum.learn([result(task, passed) for task in drawn])
    assert levels == [{1}, {1, 2}, {1, 2}, {1, 2}, {1, 2, 3}]


def test_a_window_leaves_out_what_always_passes_or_never_and_tries_it_again_later() -> None:
    curriculum = Window(low=0.2, high=0.8, retry=3)
    rates = {1: 1.0, 2: 0.5, 3: 0.0}
    curriculum.learn([result(task, rates[task.difficulty or 0]) for task in TASKS])
    assert {task.difficulty for task in curriculum.draw(TASKS, 20, (0, 0, 0))} == {2}
    for _ in range(3):
        curriculum.learn([])
    assert {task.difficulty for task in curriculum.draw(TASKS, 60, (0, 0, 0))[:30]} == {1, 2, 3}


def test_a_target_rises_with_rewards_above_the_goal_and_stays_within_its_limits() -> None:
    curriculum = AdaptiveTarget(target=2.0, goal=0.5, gain=2.0, step=0.5, lowest=1.0, highest=3.0)
    assert {task.difficulty for task in curriculum.draw(TASKS, 20, (0, 0, 0))} == {2}
    curriculum.learn([result(TASKS[0], passed=1.0)])
    assert curriculum.target == pytest.approx(2.0 + 0.5 * 0.76159, abs=1e-4)
    for _ in range(9):
        curriculum.learn([result(TASKS[0], passed=1.0)])
    assert curriculum.target == 3.0


def test_a_task_without_difficulty_is_refused_where_it_matters() -> None:
    with pytest.raises(UserError, match="has no difficulty"):
        Staged().draw([Task(id="x", problem="?")], 1, (0, 0, 0))
