from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tutelage.errors import UserError
from tutelage.traces import RecordedCall, Run, Sample, Store, overview
from tutelage.traces.overview import Mark, Which, changes, database_of, judgements, quick_counts, shares
from tutelage.traces.turn_heads import (
    completion_of,
    has_turn,
    head_of,
    heads,
    messages_of,
    prompt_ids,
    token_slice,
)
from tutelage.traces.watching import being_written
from tutelage.types import Sampling, Score, Task

if TYPE_CHECKING:
    from tests.traces.conftest import Say


def test_changes_name_what_is_new_and_what_has_ended(run: Run, task: Task, say: "Say") -> None:
    database = database_of(run)
    first = run.begin(task)
    found = changes(database, Mark(), ())
    assert found.rollouts == [1]
    say(first)
    second = run.begin(task, 1)
    found = changes(database, found.mark, [1])
    assert found.rollouts == [1, 2]
    assert changes(database, found.mark, [1, 2]).rollouts == []
    first.finish("42")
    found = changes(database, found.mark, [1, 2])
    assert found.rollouts == [1]
    run.score(second.rollout.id, Score(name="exact", value=1))
    assert changes(database, found.mark, [2]).rollouts == [2]


def test_some_rollouts_read_alone_are_as_in_the_whole(run: Run, task: Task, say: "Say") -> None:
    for repeat in range(5):
        recorder = run.begin(task, repeat)
        say(recorder, completion_token_ids=[1] * repeat, prompt_token_ids=[1, 2])
        say(recorder, role="reviewer", error="late" if repeat == 3 else None)
        recorder.finish()
    database = database_of(run)
    for read in (overview.states, overview.names, overview.shares, overview.verdicts, overview.rounds):
        whole = read(database, Which(5))
        assert read(database, Which(5, [2, 4])) == [row for row in whole if row[0] in (2, 4)]
    assert shares(database, Which(5, [4]))[1][5] == 1


def test_a_prompt_of_many_samples_is_counted_once(run: Run, task: Task) -> None:
    recorder = run.begin(task)
    recorder.call(
        RecordedCall(
            role="solver",
            node="solver",
            messages=[{"role": "user", "content": "?"}],
            sampling=Sampling(),
            model="m",
            policy="p",
            started=1.0,
            seconds=0.5,
            completions=[Sample("a", token_ids=[1]), Sample("b", token_ids=[1, 2])],
            samples=2,
            prompt_token_ids=[1, 2, 3],
        )
    )
    assert shares(database_of(run), Which(1)) == [(1, 1, 3, 3, 2, 0, 0.5)]


def test_a_verdict_is_held_against_the_nearest_candidate_before_it(run: Run, task: Task, say: "Say") -> None:
    recorder = run.begin(task)
    solved = say(recorder)
    thought = say(recorder, role="thinker", parents=[solved.id])
    review = say(recorder, role="reviewer", parents=[thought.id])
    lost = say(recorder, role="reviewer")
    candidate = recorder.candidate("42", turn_id=solved.id)
    recorder.score(Score(name="exact", value=0, passed=False), subject="candidate", subject_id=candidate.id)
    for turn, passed in ((review, True), (lost, None)):
        score = Score(name="verdict", value=float("nan"), passed=passed)
        recorder.score(score, subject="turn", subject_id=turn.id)
    assert judgements(database_of(run), Which(1), "exact") == [(1, 1, 0), (1, None, None)]


def test_who_judged_is_known_but_for_reviewers(run: Run, task: Task, say: "Say") -> None:
    recorder = run.begin(task)
    turn = say(recorder)
    for name, passed in (("exact", True), ("length", None), ("verdict", True)):
        recorder.score(Score(name=name, value=1, passed=passed), subject="turn", subject_id=turn.id)
    assert overview.verifiers(database_of(run)) == {"exact": True, "length": False}
    assert overview.verifiers(database_of(run), after=1) == {"length": False}


def test_a_run_is_counted_quickly(run: Run, task: Task, say: "Say") -> None:
    say(run.begin(task))
    counts = quick_counts(run)
    assert (counts["running"], counts["done"], counts["turns"], counts["tasks"]) == (1, 0, 1, 1)
    assert (counts["rollouts"], counts["passed"], counts["wrong"]) == (1, None, None)


def judged(run: Run, name: str, *rights: bool | None) -> None:
    """Rollouts with a score each of this name, and candidates that say the opposite."""
    first = len(run.rollouts())
    for at, right in enumerate(rights):
        recorder = run.begin(Task(id=f"{name} {first + at}", problem="?"))
        candidate = recorder.candidate("42")
        if right is not None:
            wrong = Score(name=name, value=1, passed=not right)
            recorder.score(wrong, subject="candidate", subject_id=candidate.id)
        recorder.score(Score(name=name, value=1, passed=right))
        recorder.finish()


def right_and_wrong(run: Run) -> tuple[int | None, int | None]:
    counts = quick_counts(run)
    return counts["passed"], counts["wrong"]


@pytest.mark.parametrize("settings", [{"verifier": {"name": "exact"}}, {"verifier": {"name": "gone"}}, {}])
def test_right_and_wrong_rollouts_are_counted_quickly(directory: Path, settings: dict[str, Any]) -> None:
    with Store.open(directory).start_run(settings) as run:
        assert right_and_wrong(run) == (None, None)
        judged(run, "exact", True, True, False, None)
        assert right_and_wrong(run) == (2, 1)
        run.score(run.rollouts()[0].id, Score(name="exact", value=0, passed=False))
        assert right_and_wrong(run) == (1, 2)
        run.drop(run.rollouts()[1].id)
        assert right_and_wrong(run) == (0, 2)
        run.score(run.rollouts()[0].id, Score(name="length", value=7))
        run.score(run.rollouts()[0].id, Score(name="taught", value=1, passed=True))
        assert right_and_wrong(run) == (0, 2)


@pytest.mark.parametrize(
    ("own", "found"), [("exact", (1, 0)), ("numeric", (0, 1)), ("length", (None, None)), (None, (None, None))]
)
def test_of_several_verifiers_the_runs_own_counts(
    directory: Path, own: str | None, found: tuple[int | None, int | None]
) -> None:
    with Store.open(directory).start_run({"verifier": {"name": own}}) as run:
        judged(run, "exact", True)
        judged(run, "numeric", False)
        judged(run, "length", None)
        assert right_and_wrong(run) == found


def test_a_run_is_seen_being_written_and_its_writer_is_not_disturbed(directory: Path) -> None:
    assert not being_written(directory) and not being_written(None)
    with Store.open(directory).start_run({}):
        assert being_written(directory)
    assert not being_written(directory)
    Store.open(directory).close()


def test_heads_are_the_turns_without_their_weight(run: Run, task: Task, say: "Say") -> None:
    recorder = run.begin(task)
    first = say(
        recorder, "x" * 1000, prompt_token_ids=[1, 2], completion_token_ids=[3, 4, 5], logprobs=[-1, -3, -2]
    )
    second = say(recorder, "\ud83d", parents=[first.id], author="person", metadata={"a": 1}, error="late")
    found = heads(run, recorder.rollout.id)
    for head, turn in zip(found, (first, second), strict=True):
        names = set(type(turn).model_fields) & set(type(head).model_fields) - {"sampling"}
        assert head.model_dump(include=names) == turn.model_dump(include=names)
        assert head == head_of(run, turn.id)
        assert completion_of(run, turn.id) == (turn.completion, turn.tool_calls)
        assert messages_of(run, turn.id) == turn.messages
    assert (found[0].preview, found[0].size, found[0].has_tokens) == ("x" * 300, 1000, True)
    assert (found[0].prompt_tokens, found[0].completion_tokens) == (2, 3)
    assert prompt_ids(run, first.id, 1) == (1,)
    assert prompt_ids(run, second.id, 1) is None


def test_tokens_come_by_the_slice_and_the_least_likely_of_all(run: Run, task: Task, say: "Say") -> None:
    turn = say(
        run.begin(task), prompt_token_ids=[1, 2], completion_token_ids=[3, 4, 5], logprobs=[-1, -3, -2]
    )
    found = token_slice(run, turn.id, 1, 1, surprising=2)
    assert (found.total, found.prompt_total, found.ids, found.prompt, found.logprobs) == (
        3,
        2,
        (4,),
        (2,),
        (-3.0,),
    )
    assert found.least_likely == ((1, 4, -3.0), (2, 5, -2.0))


def test_a_turn_that_there_is_not_is_a_sentence(run: Run, task: Task, say: "Say") -> None:
    turn = say(run.begin(task))
    assert has_turn(run, turn.id) and not has_turn(run, "0123")
    for read in (head_of, completion_of, messages_of):
        with pytest.raises(UserError, match="has no turn '0123'"):
            read(run, "0123")
