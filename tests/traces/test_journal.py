import asyncio
import threading
from collections import Counter
from pathlib import Path

import pytest
from tests.traces.conftest import Say

from tutelage import Sampling, Task
from tutelage.errors import StoreError, UserError
from tutelage.traces import RecordedCall, RolloutRecorder, Run, Sample, Store

TASKS = [Task(id=str(number), problem="") for number in range(16)]


def call(*completions: str, ids: tuple[int, ...] | None = (1, 2)) -> RecordedCall:
    return RecordedCall(
        role="solver",
        messages=({"role": "user", "content": "6 * 7?"},),
        sampling=Sampling(),
        model="m",
        policy="p",
        started=0.0,
        seconds=0.0,
        completions=[Sample(text, token_ids=ids) for text in completions],
        samples=len(completions),
    )


async def test_tasks_of_a_loop_write_together_and_each_gets_its_own(run: Run) -> None:
    recorders = [run.begin(task) for task in TASKS]
    ids = await asyncio.gather(*(r.acall(call(f"{i}a", f"{i}b")) for i, r in enumerate(recorders)))
    for number, (recorder, own) in enumerate(zip(recorders, ids, strict=True)):
        turns = run.turns(recorder.rollout.id)
        assert [turn.id for turn in turns] == own
        assert [turn.completion for turn in turns] == [f"{number}a", f"{number}b"]
        assert {(turn.call, turn.samples) for turn in turns} == {(0, 2)}


async def test_what_cannot_be_recorded_fails_alone(run: Run) -> None:
    recorders = [run.begin(task) for task in TASKS[:3]]
    calls = [call("good"), call("bad", ids=(1, -2)), call("good")]
    pairs = zip(recorders, calls, strict=True)
    found = await asyncio.gather(*(r.acall(c) for r, c in pairs), return_exceptions=True)
    assert [isinstance(each, UserError) for each in found] == [False, True, False]
    assert [turn.completion for turn in run.turns()] == ["good", "good"]


async def test_a_cancelled_caller_leaves_its_turn_on_record(run: Run) -> None:
    recorder = run.begin(TASKS[0])
    waiting = asyncio.ensure_future(recorder.acall(call("said")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert [turn.completion for turn in run.turns()] == ["said"]


def test_loops_in_several_threads_and_threads_without_loops_share_a_run(run: Run, say: Say) -> None:
    async def speak(recorder: RolloutRecorder) -> None:
        await asyncio.gather(*(recorder.acall(call(f"{recorder.rollout.task.id} {n}")) for n in range(50)))

    def plainly(recorder: RolloutRecorder) -> None:
        for number in range(50):
            say(recorder, f"{recorder.rollout.task.id} {number}")

    work = [threading.Thread(target=lambda r=r: asyncio.run(speak(r))) for r in map(run.begin, TASKS[:4])]
    work += [threading.Thread(target=plainly, args=(run.begin(task),)) for task in TASKS[4:8]]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    said = Counter(turn.completion for turn in run.turns())
    assert said == Counter(f"{task.id} {number}" for task in TASKS[:8] for number in range(50))


def test_after_a_full_disk_nothing_refers_to_what_was_not_written(tmp_path: Path, say: Say) -> None:
    prompt = list(range(3000))
    with Store.open(tmp_path / "run", max_bytes=300_000) as store:
        recorder = store.start_run({}).begin(TASKS[0])
        with pytest.raises(StoreError, match="the disk is full"):
            for number in range(10_000):
                ids = [*prompt, number]
                say(recorder, str(number) * 500, prompt_token_ids=ids, completion_token_ids=[number] * 99)
        kept = store.run().turns()
        assert [turn.completion for turn in kept] == [str(n) * 500 for n in range(len(kept))]
        assert [turn.prompt_token_ids for turn in kept] == [(*prompt, n) for n in range(len(kept))]
    with Store.open(tmp_path / "run") as store:
        recorder = store.run().begin(TASKS[1])
        said = say(recorder, "on", prompt_token_ids=[*prompt, 7], completion_token_ids=[1])
        assert store.run().turn(said.id) == said
        assert store.database.rows("PRAGMA foreign_key_check") == []


async def test_a_fault_of_the_program_fails_alone_too(run: Run) -> None:
    recorders = [run.begin(task) for task in TASKS[:3]]
    calls = [call("good"), call("bad"), call("good")]
    calls[1].parents = (object(),)  # type: ignore[assignment]
    pairs = zip(recorders, calls, strict=True)
    found = await asyncio.gather(*(r.acall(c) for r, c in pairs), return_exceptions=True)
    assert [isinstance(each, TypeError) for each in found] == [False, True, False]
    assert [turn.completion for turn in run.turns()] == ["good", "good"]
    for recorder in recorders:
        recorder.finish()
    assert len(run.finished()) == 3


def test_what_is_written_together_is_written_whole_or_not_at_all(run: Run) -> None:
    recorder = run.begin(TASKS[0])
    with pytest.raises(UserError, match="done already"), recorder.together():
        recorder.candidate("1")
        recorder.finish("1")
        recorder.candidate("2")
    assert run.candidates() == [] and run.rollouts("done") == []
    with recorder.together():
        recorder.candidate("3")
        recorder.finish("3")
    assert [each.text for each in run.candidates()] == ["3"] and len(run.rollouts("done")) == 1


def test_a_block_of_one_thread_does_not_hold_what_another_records(run: Run) -> None:
    recorder = run.begin(TASKS[0])

    def other() -> None:
        recorder.candidate("at once")
        assert [each.text for each in run.candidates()] == ["at once"]

    with pytest.raises(ZeroDivisionError), recorder.together():
        recorder.candidate("never")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise ZeroDivisionError
    assert [each.text for each in run.candidates()] == ["at once"]


async def test_a_rollout_ends_once_however_many_end_it_at_once(run: Run) -> None:
    recorder = run.begin(TASKS[0])

    async def finish(answer: str) -> None:
        async with recorder.together():
            recorder.finish(answer)

    found = await asyncio.gather(*(finish(str(n)) for n in range(3)), return_exceptions=True)
    assert sum(isinstance(each, UserError) for each in found) == 2
    assert [each.answer for each in run.rollouts("done")] == ["0"]


async def test_a_rollout_whose_beginning_was_cancelled_is_abandoned(run: Run) -> None:
    beginning = asyncio.ensure_future(run.abegin(TASKS[0]))
    await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    assert [each.status for each in run.rollouts("abandoned")] == ["abandoned"] and run.rollouts() == []
    assert (await run.abegin(TASKS[0])).rollout.task == TASKS[0]
