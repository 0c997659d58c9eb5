from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tutelage import Task
from tutelage.graphs.debugging.costs import Cost, costs, total
from tutelage.traces import RecordedCall, RolloutRecorder, Run, Sample, Store
from tutelage.types import Sampling

TASK = Task(id="t1", problem="What is 6 times 7?")
Ask = Callable[..., list[str]]


@pytest.fixture
def run() -> Iterator[Run]:
    with Store.memory().start_run({}) as run:
        yield run


def ask(
    recorder: RolloutRecorder,
    role: str,
    read: int | None,
    *said: int | None,
    node: str | None = "",
    **more: Any,
) -> list[str]:
    return recorder.call(
        RecordedCall(
            role=role,
            node=role if node == "" else node,
            messages=[{"role": "user", "content": "?"}],
            sampling=Sampling(),
            model="m",
            policy="p",
            started=0.0,
            seconds=more.pop("seconds", 1.0),
            completions=[Sample("x", token_ids=None if n is None else [1] * n) for n in said],
            samples=len(said),
            prompt_token_ids=None if read is None else [1] * read,
            **more,
        )
    )


def test_a_prompt_of_several_samples_counts_once_and_so_does_its_time(run: Run) -> None:
    recorder = run.begin(TASK)
    ask(recorder, "solver", 10, 3, 4, 5, seconds=2.0)
    ask(recorder, "reviewer", 6, 2, seconds=6.0)
    solver, reviewer = costs(run, [recorder.rollout.id])
    assert (solver.turns, solver.calls, solver.prompt_tokens, solver.completion_tokens) == (3, 1, 10, 12)
    assert (solver.seconds, solver.time_share, solver.unknown) == (2.0, 0.25, 0)
    assert solver.share == pytest.approx(22 / 30)
    assert (reviewer.node, reviewer.role) == ("reviewer", "reviewer")
    assert reviewer.share == pytest.approx(8 / 30)


def test_one_role_at_two_nodes_is_told_apart(run: Run) -> None:
    recorder = run.begin(TASK)
    ask(recorder, "solver", 1, 1, node="first")
    ask(recorder, "solver", 1, 1, node="second")
    ask(recorder, "solver", 1, 1, node=None)
    assert [(each.node, each.role) for each in costs(run, [recorder.rollout.id])] == [
        ("first", "solver"),
        ("second", "solver"),
        (None, "solver"),
    ]


def test_unknown_counts_are_kept_apart_and_a_persons_words_are_no_models_tokens(run: Run) -> None:
    recorder = run.begin(TASK)
    ask(recorder, "solver", None, 3)
    ask(recorder, "solver", 5, None)
    ask(recorder, "person", None, None, author="person")
    solver, person = costs(run, [recorder.rollout.id])
    assert (solver.prompt_tokens, solver.completion_tokens, solver.unknown) == (5, 3, 2)
    assert (person.prompt_tokens, person.completion_tokens, person.unknown) == (0, 0, 0)


def test_only_what_is_asked_for_is_counted(run: Run) -> None:
    first, second = run.begin(TASK, 0), run.begin(TASK, 1)
    (shared,), (other,) = ask(first, "solver", 10, 1), ask(first, "solver", 20, 2)
    (own,) = ask(second, "solver", 30, 3)
    first.abandon("interrupted")
    (whole,) = costs(run, [first.rollout.id, second.rollout.id, first.rollout.id])
    assert (whole.calls, whole.prompt_tokens) == (3, 60)
    (path,) = costs(run, turn_ids=[shared, own])
    assert (path.calls, path.prompt_tokens, path.completion_tokens) == (2, 40, 4)
    assert costs(run, []) == [] and other not in (shared, own)


def test_the_total_adds_up(run: Run) -> None:
    recorder = run.begin(TASK)
    ask(recorder, "solver", 10, 3, 4)
    ask(recorder, "reviewer", 6, None)
    whole = total(costs(run, [recorder.rollout.id]))
    assert whole == Cost(
        node=None,
        role=None,
        turns=3,
        calls=2,
        prompt_tokens=16,
        completion_tokens=7,
        seconds=2.0,
        share=1.0,
        time_share=1.0,
        unknown=1,
    )
    assert total([]).share is None
