import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage import Score, Task
from tutelage.errors import StoreError, UserError
from tutelage.traces import RecordedCall, Rollout, RolloutRecorder, Run, Sample, Store, Turn
from tutelage.traces.overview import database_of
from tutelage.types import Sampling

Say = Callable[..., Turn]

RESUMER = Path(__file__).with_name("killed_resumer.py")


@pytest.fixture(params=["started anew", "opened to write"])
def reopened(request: pytest.FixtureRequest, directory: Path) -> Callable[[], Run]:
    """Open the run again as the next process does: with or without abandoning what was running."""

    def start() -> Run:
        store = Store.open(directory)
        return store.start_run({}) if request.param == "started anew" else store.run()

    return start


def left(directory: Path, task: Task, work: Callable[[RolloutRecorder], object]) -> str:
    """A rollout that its process left running."""
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        work(recorder)
        return recorder.rollout.id


def test_a_rollout_that_was_left_goes_on_where_it_was(
    directory: Path, task: Task, say: Say, reopened: Callable[[], Run]
) -> None:
    name = left(directory, task, lambda recorder: [say(recorder, str(number)) for number in range(3)])
    with reopened() as run:
        recorder = run.resume(name)
        assert run.rollout(name).status == "running"
        assert recorder.rollout == run.rollout(name)
        said = say(recorder, "4")
        recorder.score(Score(name="exact", value=1.0, passed=True))
        recorder.finish("4", {"answer": "4"})
        assert (said.call, said.rollout_id) == (3, name)
        assert [turn.call for turn in run.turns(name)] == [0, 1, 2, 3]
        (rollout,) = run.rollouts()
        assert (rollout.status, rollout.error, rollout.answer) == ("done", None, "4")
        assert run.finished() == {(task.id, 0)}


def test_call_numbers_go_on_after_the_highest(directory: Path, task: Task, say: Say) -> None:
    name = left(directory, task, lambda recorder: say(recorder, call=7))
    with Store.open(directory).start_run({}) as run:
        assert run.resume(name).next_call() == 8


def test_parents_are_found_among_the_turns_from_before(directory: Path, task: Task, say: Say) -> None:
    opening = {"role": "user", "content": "What is 6 times 7?"}
    known: list[Turn] = []

    def work(recorder: RolloutRecorder) -> None:
        known.append(say(recorder, "42", messages=[opening]))
        other = {"role": "user", "content": "Six sevens?"}
        known.append(say(recorder, "42", messages=[other]))
        calls = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]
        known.append(say(recorder, "", tool_calls=calls))
        say(recorder, "failed", error="no")

    name = left(directory, task, work)
    with Store.open(directory).start_run({}) as run:
        recorder = run.resume(name)

        def parents(*said: dict[str, object]) -> tuple[str, ...]:
            return say(
                recorder, "42!", messages=[opening, *said, {"role": "user", "content": "Sure?"}]
            ).parents

        first, _, tool = (turn.id for turn in known)
        assert parents({"role": "assistant", "content": "42"}) == (first,)
        assert parents({"role": "assistant", "content": "", "tool_calls": [{"id": "c1"}]}) == (tool,)
        assert parents({"role": "assistant", "content": "failed"}) == ()


def test_token_ids_still_share_their_beginnings(directory: Path, task: Task) -> None:
    prompt = list(range(1000))
    said = list(range(1000, 1100))

    def call(recorder: RolloutRecorder, prompt: list[int], own: list[int]) -> None:
        recorder.call(
            RecordedCall(
                role="solver",
                messages=[{"role": "user", "content": str(len(prompt))}],
                sampling=Sampling(),
                model="m",
                policy="p",
                started=time.time(),
                seconds=0.0,
                completions=[Sample("x", token_ids=own)],
                prompt_token_ids=prompt,
            )
        )

    name = left(directory, task, lambda recorder: call(recorder, prompt, said))
    with Store.open(directory).start_run({}) as run:
        call(run.resume(name), [*prompt, *said, 1, 2], [3])
        rows = run._store.database.rows("SELECT kept FROM sequences ORDER BY id")
        assert [kept for (kept,) in rows] == [0, 1000, 1100, 1102]
        assert run.turns(name)[1].prompt_token_ids == (*prompt, *said, 1, 2)


def test_what_is_over_is_not_taken_up(run: Run, task: Task) -> None:
    done, failed = run.begin(task, 0), run.begin(task, 1)
    done.finish("42")
    failed.fail("no")
    for recorder, status in ((done, "done"), (failed, "failed")):
        with pytest.raises(UserError, match=f"of task 't1' is {status}; only one that was left unfinished"):
            run.resume(recorder.rollout.id)
    with pytest.raises(UserError, match="no rollout 'nobody'"):
        run.resume("nobody")
    assert {rollout.status for rollout in run.rollouts()} == {"done", "failed"}


def test_what_was_run_anew_is_not_taken_up(run: Run, task: Task) -> None:
    first = run.begin(task)
    first.abandon("interrupted")
    again = run.begin(task)
    with pytest.raises(UserError, match=f"was run anew as '{again.rollout.id}' meanwhile"):
        run.resume(first.rollout.id)
    assert [rollout.status for rollout in (run.rollout(first.rollout.id), again.rollout)] == [
        "abandoned",
        "running",
    ]


def test_what_this_process_records_is_not_taken_up_a_second_time(run: Run, task: Task) -> None:
    recorder = run.begin(task)
    with pytest.raises(UserError, match="is being recorded in this process already"):
        run.resume(recorder.rollout.id)
    recorder.abandon("interrupted")
    assert recorder.ended == "abandoned"
    again = run.resume(recorder.rollout.id)
    with pytest.raises(UserError, match="is abandoned already"):
        recorder.finish("42")
    with pytest.raises(UserError, match="is being recorded in this process already"):
        run.resume(recorder.rollout.id)
    again.finish("42")
    assert run.rollout(again.rollout.id).status == "done"


def test_a_run_open_for_reading_takes_nothing_up(run: Run, task: Task) -> None:
    assert run.path is not None
    name = run.begin(task).rollout.id
    with Run.open(run.path) as reader:
        for refused in (reader.resume, reader.drop):
            with pytest.raises(StoreError, match="open for reading only"):
                refused(name)


def test_a_dropped_rollout_counts_no_longer_and_keeps_what_it_said(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    turn = say(recorder)
    recorder.finish("42", {"answer": "42"})
    run.drop(recorder.rollout.id)
    run.drop(recorder.rollout.id)
    assert run.rollouts() == [] and run.turns() == [] and run.finished() == set()
    dropped: Rollout = run.rollout(recorder.rollout.id)
    assert (dropped.status, dropped.error) == ("abandoned", "dropped by a person")
    assert (dropped.answer, dropped.output) == ("42", {"answer": "42"})
    assert run.turns(dropped.id) == [turn]
    with pytest.raises(UserError, match="was dropped by a person; begin another one"):
        run.resume(dropped.id)
    assert run.begin(task).rollout.repeat == 0


def test_dropping_a_failed_one_keeps_why_it_failed(run: Run, task: Task) -> None:
    recorder = run.begin(task)
    recorder.fail("no room")
    run.drop(recorder.rollout.id)
    assert run.rollout(recorder.rollout.id).error == "dropped by a person (before: no room)"
    with pytest.raises(UserError, match="no rollout 'nobody'"):
        run.drop("nobody")


def test_dropping_a_running_one_ends_its_recorder(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    run.drop(recorder.rollout.id)
    assert recorder.ended == "abandoned"
    with pytest.raises(UserError, match="is abandoned already"):
        say(recorder)


@pytest.mark.slow
def test_killed_while_it_is_taken_up_it_is_never_lost(directory: Path, task: Task, say: Say) -> None:
    name = left(directory, task, lambda recorder: say(recorder))
    acknowledged = 1
    for number in range(6):
        child = subprocess.Popen([sys.executable, RESUMER, directory, name], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(0.003 * number)
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += child.stdout.read().count(b"\n")
        child.stdout.close()
        child.wait()
        with Run.open(directory) as run:
            assert run.rollout(name).status in ("running", "abandoned")
            turns = run.turns(name)
            assert acknowledged <= len(turns) <= acknowledged + 1
            assert [turn.call for turn in turns] == list(range(len(turns)))
            acknowledged = len(turns)
    with Store.open(directory).start_run({}) as run:
        run.resume(name).finish("42")
        assert [rollout.status for rollout in run.rollouts()] == ["done"]


def test_a_rollout_follows_turns_of_another_one(run: Run, task: Task, say: Say) -> None:
    first, second = run.begin(task, 0), run.begin(task, 1)
    opening = {"role": "user", "content": "What is 6 times 7?"}
    turn, later = say(first, "42", messages=[opening]), say(first, "43", messages=[opening])
    second.follow([turn.id])

    def answered(text: str) -> Turn:
        said = {"role": "assistant", "content": text}
        return say(second, "yes", messages=[opening, said, {"role": "user", "content": "Sure?"}])

    assert answered("42").parents == (turn.id,)
    assert answered("43").parents == ()
    assert [each.call for each in run.turns(second.rollout.id)] == [0, 1]
    assert run.turns(first.rollout.id) == [turn, later]
    with pytest.raises(UserError, match="no turn 'nobody' to follow"):
        second.follow(["nobody"])
    second.finish()
    with pytest.raises(UserError, match="is done already"):
        second.follow([turn.id])


def test_turns_that_many_rollouts_follow_are_read_once(run: Run, task: Task, say: Say) -> None:
    first = run.begin(task)
    opening = {"role": "user", "content": "What is 6 times 7?"}
    ids = tuple(range(100, 140))
    shared = [
        say(first, text, messages=[opening], prompt_token_ids=ids, completion_token_ids=[number])
        for number, text in enumerate(("42", "43"))
    ]
    statements: list[str] = []

    def follow(repeat: int, *turns: Turn) -> tuple[str, ...]:
        recorder = run.begin(task, repeat)
        with database_of(run).reading() as connection:
            connection.set_trace_callback(statements.append)
            recorder.follow([each.id for each in turns])
            connection.set_trace_callback(None)
        said = {"role": "assistant", "content": turns[-1].completion}
        messages = [opening, said, {"role": "user", "content": f"Sure, {repeat}?"}]
        longer = (*ids, *(turns[-1].completion_token_ids or ()), 200 + repeat)
        made = say(recorder, "yes", messages=messages, prompt_token_ids=longer, completion_token_ids=[7])
        assert run.turn(made.id).prompt_token_ids == longer
        return made.parents

    assert follow(1, *shared) == (shared[1].id,)
    assert any("JOIN turns" in each for each in statements)
    statements.clear()
    for repeat in range(2, 5):
        assert follow(repeat, *shared) == (shared[1].id,)
    assert not any("FROM" in each for each in statements)
    kept = "SELECT id FROM sequences WHERE kept = 41"
    assert len(database_of(run).rows(kept)) == 4
    assert follow(5, shared[0]) == (shared[0].id,)
    assert any("JOIN turns" in each for each in statements)
