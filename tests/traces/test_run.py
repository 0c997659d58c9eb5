from collections.abc import Callable
from pathlib import Path

import pytest

from tutelage import Score, Task
from tutelage.errors import StoreError, UserError
from tutelage.traces import Run, Store, TokenCount, Turn

Say = Callable[..., Turn]


def exact(passed: bool | None) -> Score:
    return Score(name="exact", value=float(passed or 0), passed=passed)


def test_only_done_and_failed_rollouts_are_finished(run: Run, task: Task) -> None:
    run.begin(task, 0).finish("42")
    run.begin(task, 1).fail("the graph raised ValueError")
    run.begin(task, 2).abandon("interrupted")
    run.begin(task, 3)
    assert run.finished() == {("t1", 0), ("t1", 1)}
    assert [rollout.status for rollout in run.rollouts()] == ["done", "failed", "running"]
    assert [rollout.error for rollout in run.rollouts("abandoned")] == ["interrupted"]


def test_an_abandoned_rollout_is_never_counted_but_its_turns_stay(run: Run, task: Task, say: Say) -> None:
    first = run.begin(task)
    turn = say(first, completion_token_ids=[1], prompt_token_ids=[1])
    first.candidate("42")
    first.score(exact(True))
    first.abandon("interrupted")
    run.begin(task).finish()
    assert (run.turns(), run.candidates(), run.scores()) == ([], [], [])
    assert run.tokens() == {}
    assert run.turns(first.rollout.id) == [turn]
    assert run.finished() == {("t1", 0)}


@pytest.mark.parametrize("end", ["running", "done", "failed"])
def test_a_rollout_that_counts_cannot_be_begun_twice(run: Run, task: Task, end: str) -> None:
    recorder = run.begin(task)
    if end == "done":
        recorder.finish()
    if end == "failed":
        recorder.fail("no")
    with pytest.raises(UserError, match=f"repeat 0 of task 't1' is {end} already in run 'first'"):
        run.begin(task)
    assert len(run.rollouts()) == 1


def test_two_tasks_cannot_share_an_id(run: Run, task: Task) -> None:
    run.begin(task, 0).finish()
    with pytest.raises(UserError, match="task 't1' is recorded here with other contents"):
        run.begin(Task(id="t1", problem="What is 6 times 8?"), 1)


def test_the_prompt_of_n_samples_counts_once(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    call = recorder.next_call()
    for sample in range(4):
        say(recorder, call=call, sample=sample, prompt_token_ids=[1] * 10, completion_token_ids=[2] * 3)
    say(recorder, prompt_token_ids=[1] * 5, completion_token_ids=[2])
    say(recorder, role="reviewer")
    assert run.tokens() == {
        "reviewer": TokenCount(prompt=0, completion=0, turns=1, unknown=1),
        "solver": TokenCount(prompt=15, completion=13, turns=5, unknown=0),
    }


def test_turns_are_found_by_rollout_and_role(run: Run, task: Task, say: Say) -> None:
    one, two = run.begin(task, 0), run.begin(task, 1)
    solved, reviewed, other = say(one), say(one, role="reviewer"), say(two)
    assert run.turns() == [solved, reviewed, other]
    assert run.turns(role="solver") == [solved, other]
    assert run.turns(one.rollout.id, "reviewer") == [reviewed]


def test_a_stored_run_can_be_scored_again(directory: Path, task: Task) -> None:
    with Store.open(directory).start_run({}) as run:
        recorder = run.begin(task)
        recorder.score(exact(False))
        recorder.finish("42")
    with Store.open(directory).run() as run:
        run.score(recorder.rollout.id, exact(True))
        assert [row.score.passed for row in run.scores(subject="rollout")] == [False, True]
        assert run.summary()["scores"]["exact"]["accuracy"] == 1.0
        with pytest.raises(UserError, match="has no rollout 'nobody'"):
            run.score("nobody", exact(True))


def test_a_run_opened_for_reading_refuses_to_write(run: Run, task: Task) -> None:
    assert run.path is not None
    with Run.open(run.path) as reader, pytest.raises(StoreError, match="open for reading only"):
        reader.begin(task)


def test_reading_goes_over_many_pages(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    said = [say(recorder, str(number)).id for number in range(1203)]
    assert [turn.id for turn in run.turns()] == said


def test_a_run_in_memory_does_all_the_same(task: Task, say: Say) -> None:
    with Store.memory().start_run({"samples": 1}) as run:
        recorder = run.begin(task)
        turn = say(recorder)
        recorder.finish("42")
        run.release()
        assert run.path is None
        assert run.turns() == [turn]
        with pytest.raises(StoreError, match="reading only"):
            run.begin(task, 1)


def test_a_copy_in_one_file_is_read_like_the_run(run: Run, task: Task, say: Say, tmp_path: Path) -> None:
    recorder = run.begin(task)
    say(recorder)
    recorder.finish("42")
    file = run.copy(tmp_path / "copies" / "first.run")
    with Run.open(file) as copy:
        assert copy.rollouts() == run.rollouts() and copy.turns() == run.turns()
        again = copy.copy(tmp_path / "again.run")
    assert [path.name for path in file.parent.iterdir()] == ["first.run"] and again.is_file()
    with pytest.raises(StoreError, match="exists already"):
        run.copy(file)
    with pytest.raises(StoreError, match="only reading is possible there"):
        Store.open(file)


def test_turns_are_found_by_what_they_say_and_who_says_it(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    first = say(recorder, "The Answer is 42", node="solve")
    second = say(recorder, "ANSWER: wrong", role="reviewer", policy="other")
    third = say(recorder, "", error="the server is gone")
    assert run.turns(text="answer") == [first, second]
    assert run.turns(node="solve") == [first] and run.turns(policy="other") == [second]
    assert run.turns(error=True) == [third] and run.turns(error=False, text="42") == [first]
    assert run.turn(second.id) == second and run.rollout(recorder.rollout.id) == recorder.rollout
    for look in (run.turn, run.rollout):
        with pytest.raises(UserError, match="run 'first' has no"):
            look("0")
