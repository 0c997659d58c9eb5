from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from tutelage import Sampling, Score, Task
from tutelage.errors import UserError
from tutelage.graphs.debugging.differences import Piece, compare_rollouts, compare_states
from tutelage.graphs.debugging.view import Change
from tutelage.traces import RolloutRecorder, Run, Store, Turn

TASK = Task(id="t1", problem="What is 6 times 7?")


@pytest.fixture
def run() -> Iterator[Run]:
    with Store.memory().start_run({}) as run:
        yield run


def say(recorder: RolloutRecorder, role: str, asked: str, text: str, **more: Any) -> Turn:
    fields: dict[str, Any] = {"messages": [{"role": "user", "content": asked}], "sampling": Sampling()}
    known = {"model": "m", "policy": "p", "started": 0.0, "seconds": 0.0, "node": role}
    return recorder.turn(role=role, completion=text, **fields | known | more)


def test_states_are_compared_field_by_field() -> None:
    before = {"answer": "41", "round": 1, "gone": 1, "same": [1, 2]}
    after = {"round": 1, "answer": "42", "same": (1, 2), "new": None}
    assert compare_states(before, after) == (
        Change(field="answer", before="41", after="42"),
        Change(field="gone", before=1, after=None),
        Change(field="new", before=None, after=None),
    )
    assert compare_states(before, before) == ()


def test_any_value_of_a_state_is_shown_as_plain_data() -> None:
    (change,) = compare_states(
        {"value": HumanMessage("hi")},
        {"value": {1: float("nan"), "set": {2, 1}, "other": object, "raw": b"x"}},
    )
    assert isinstance(change.before, dict) and change.before["content"] == "hi"
    assert change.after == {"1": "nan", "set": [1, 2], "other": "<class 'object'>", "raw": "b'x'"}


def test_branches_share_their_first_turns_and_part_where_they_differ(run: Run) -> None:
    first, second = run.begin(TASK, 0), run.begin(TASK, 1)
    solution = say(first, "solver", "?", "6*7=41")
    wrong = say(first, "reviewer", "Check 6*7=41", "verdict: right", parents=[solution.id])
    right = say(second, "reviewer", "Check 6*7=41", "verdict: wrong", parents=[solution.id])
    refined = say(second, "refiner", "Mend it", "6*7=42", parents=[solution.id, right.id])
    for recorder, turn, verdict in ((first, wrong, True), (second, right, False)):
        said = Score(name="verdict", value=float(verdict), passed=verdict)
        recorder.score(said, subject="turn", subject_id=turn.id)
    first.score(Score(name="exact", value=0.0, passed=False))
    second.score(Score(name="exact", value=1.0, passed=True))
    first.finish("41", {"answer": "41", "round": 1})
    second.finish("42", {"answer": "42", "round": 1})
    found = compare_rollouts(run, first.rollout.id, second.rollout.id)
    assert [(pair.a, pair.b, pair.same) for pair in found.turns] == [
        (solution.id, solution.id, True),
        (wrong.id, right.id, False),
        (None, refined.id, False),
    ]
    assert found.parted == 1
    assert found.turns[1].prompt == ()
    assert found.turns[1].completion == (Piece("=", "verdict: "), Piece("-", "right"), Piece("+", "wrong"))
    assert found.turns[2].completion == (Piece("+", "6*7=42"),)
    (judged,) = found.turns[1].scores
    assert judged.a is not None and judged.b is not None
    assert (judged.a.passed, judged.b.passed) == (True, False)
    assert found.fields == (Change(field="answer", before="41", after="42"),)
    assert (found.answers, found.statuses) == (("41", "42"), ("done", "done"))
    (exact,) = found.scores
    assert exact.a is not None and exact.b is not None and (exact.a.value, exact.b.value) == (0.0, 1.0)
    assert found.model_dump(mode="json")["turns"][2]["completion"] == [["+", "6*7=42"]]


def test_given_paths_and_states_are_compared_instead(run: Run) -> None:
    first, second = run.begin(TASK, 0), run.begin(TASK, 1)
    shared, own = say(first, "solver", "?", "a"), say(second, "solver", "?", "b")
    found = compare_rollouts(
        run,
        first.rollout.id,
        second.rollout.id,
        paths=([shared.id], [shared.id, own.id]),
        states=({"round": 1}, {"round": 2}),
    )
    assert [(pair.a, pair.b) for pair in found.turns] == [(shared.id, shared.id), (None, own.id)]
    assert found.fields == (Change(field="round", before=1, after=2),)


def test_turns_are_aligned_by_who_spoke(run: Run) -> None:
    first, second = run.begin(TASK, 0), run.begin(TASK, 1)
    for role in ("solver", "reviewer", "solver"):
        say(first, role, "?", role)
    for role in ("solver", "teacher", "reviewer", "solver"):
        say(second, role, "?", role)
    found = compare_rollouts(run, first.rollout.id, second.rollout.id)
    assert [(pair.role, pair.a is not None, pair.b is not None, pair.same) for pair in found.turns] == [
        ("solver", True, True, True),
        ("teacher", False, True, False),
        ("reviewer", True, True, True),
        ("solver", True, True, True),
    ]
    assert found.parted == 1


def test_equal_rollouts_never_part(run: Run) -> None:
    recorder = run.begin(TASK)
    say(recorder, "solver", "?", "42", error="it broke")
    found = compare_rollouts(run, recorder.rollout.id, recorder.rollout.id)
    assert found.parted is None and found.fields == ()
    with pytest.raises(UserError, match="has no rollout 'nobody'"):
        compare_rollouts(run, recorder.rollout.id, "nobody")
