from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest

from tutelage.agents.roles import Prompt
from tutelage.tools.families import FAMILIES, split_of
from tutelage.training.embedded import heldout as module
from tutelage.training.embedded.corpus import Example
from tutelage.training.embedded.heldout import MIDDLING, digest, disjoint, heldout_tasks, training_tasks
from tutelage.types import Task

PROMPTS = ("judge", "refiner", "reviewer", "solver", "solver_hinted", "teacher_correct", "teacher_hint")


@pytest.fixture(scope="module")
def heldout() -> list[Task]:
    return heldout_tasks(10)


@pytest.fixture(scope="module")
def learning() -> list[Task]:
    return training_tasks(20, seed=0)


def test_the_heldout_tasks_are_the_same_for_ever() -> None:
    tasks = heldout_tasks(340)
    assert digest(tasks) == "e8862615d09ba104d04faee45fbe9417bcef71ccbc5d76f9592381c5b686895b"
    assert {split_of(task) for task in tasks} == {"heldout"}
    assert len({FAMILIES[task.family].key(task) for task in tasks}) == 1020


def test_a_larger_number_keeps_the_smaller_ones_tasks(heldout: list[Task]) -> None:
    assert [task for task in heldout_tasks(25) if int(task.id.rpartition("-")[2]) < 10] == heldout


def test_a_digest_tells_apart_what_is_asked_and_in_which_order(heldout: list[Task]) -> None:
    assert digest(heldout) == digest(iter(heldout))
    assert len({digest(heldout), digest(heldout[:-1]), digest(heldout[::-1])}) == 3


def test_tasks_are_of_middling_difficulty_in_every_family(heldout: list[Task], learning: list[Task]) -> None:
    assert MIDDLING.keys() == FAMILIES.keys()
    for tasks, count in ((heldout, 10), (learning, 20)):
        assert Counter((task.family, task.difficulty) for task in tasks) == dict.fromkeys(
            MIDDLING.items(), count
        )


def test_every_seed_learns_from_other_tasks_of_the_training_split(learning: list[Task]) -> None:
    assert {split_of(task) for task in learning} == {"train"}
    others = {task.problem for task in training_tasks(20, seed=1)}
    assert len(others & {task.problem for task in learning}) < 5


def test_heldout_tasks_are_disjoint_from_what_is_learnt(heldout: list[Task], learning: list[Task]) -> None:
    assert disjoint(heldout, learning, examples=2000)


@pytest.mark.parametrize("family", MIDDLING)
def test_a_heldout_task_among_the_learnt_ones_is_seen(
    heldout: list[Task], learning: list[Task], family: str
) -> None:
    slipped_in = next(task for task in heldout if task.family == family)
    renamed = slipped_in.model_copy(update={"id": "another name"})
    assert not disjoint(heldout, [*learning, renamed], examples=10)


def test_a_heldout_task_with_its_numbers_in_another_order_is_seen(
    heldout: list[Task], learning: list[Task]
) -> None:
    task = next(task for task in heldout if task.family == "countdown")
    target, _, numbers = task.problem.removesuffix(".").partition(" from ")
    arranged = f"{target} from {', '.join(reversed(numbers.split(', ')))}."
    assert arranged != task.problem
    turned = task.model_copy(update={"problem": arranged})
    assert not disjoint(heldout, [*learning, turned], examples=10)


def test_training_tasks_are_not_taken_for_heldout_ones(heldout: list[Task], learning: list[Task]) -> None:
    assert not disjoint([*heldout, learning[0]], [], examples=10)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_heldout_task_in_any_prompt_of_the_corpus_would_be_seen(
    heldout: list[Task], prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = dict.fromkeys(("solution", "review", "reference", "hint"), "1+1=2\nanswer: 2")
    met = Example(Prompt.load(prompt).render(problem=heldout[3].problem, **filled), "yes")

    def careless_corpus(*_: Any) -> Iterator[Example]:
        return repeat(met)

    monkeypatch.setattr(module, "corpus", careless_corpus)
    assert not disjoint(heldout, [], examples=10)
