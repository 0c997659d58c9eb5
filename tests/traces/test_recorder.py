import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tutelage import Score, Task
from tutelage.errors import UserError
from tutelage.traces import Run, Turn, current_recorder, recording

Say = Callable[..., Turn]


def test_ids_sort_by_time_and_tell_everything_apart(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    ids = [say(recorder).id for _ in range(200)]
    assert len(set(ids)) == 200
    assert all(len(name) == 32 and int(name, 16) >= 0 and name[12] == "7" for name in ids)
    assert ids == sorted(ids)


def test_the_samples_of_a_call_share_its_number(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    call = recorder.next_call()
    for sample in range(3):
        say(recorder, call=call, sample=sample)
    say(recorder)
    assert [(turn.call, turn.sample) for turn in run.turns()] == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_nothing_can_be_recorded_after_the_end(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    recorder.finish("42")
    for late in (
        lambda: say(recorder),
        lambda: recorder.candidate("42"),
        lambda: recorder.score(Score(name="exact", value=1)),
        lambda: recorder.finish(),
        lambda: recorder.fail("no"),
    ):
        with pytest.raises(UserError, match="of task 't1' is done already"):
            late()
    assert run.turns() == []


def test_an_output_that_is_not_plain_data_is_refused_and_the_rollout_goes_on(run: Run, task: Task) -> None:
    recorder = run.begin(task)
    with pytest.raises(UserError, match=r"the output of rollout .* is not plain JSON data"):
        recorder.finish(output={"model": object()})
    recorder.finish(output={"steps": (1, 2)})
    assert run.rollouts()[0].output == {"steps": [1, 2]}


def test_a_score_of_a_candidate_needs_its_id(run: Run, task: Task) -> None:
    with pytest.raises(UserError, match="subject_id"):
        run.begin(task).score(Score(name="exact", value=1), subject="candidate")


def test_many_threads_record_at_once_and_a_reader_looks_on(run: Run, say: Say) -> None:
    assert run.path is not None
    tasks = [Task(id=f"t{number}", problem="") for number in range(8)]

    def work(task: Task) -> None:
        recorder = run.begin(task)
        for number in range(50):
            say(recorder, f"{task.id} {number}", role=task.id)
        recorder.finish()

    with Run.open(run.path) as reader, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(work, task) for task in tasks]
        while not all(future.done() for future in waiting):
            seen = Counter(turn.role for turn in reader.turns())
            assert all(count <= 50 for count in seen.values())
        for future in waiting:
            future.result()
        assert reader.turns() == run.turns()
    assert Counter(turn.role for turn in run.turns()) == {task.id: 50 for task in tasks}
    assert len(run.finished()) == 8


def test_threads_that_share_a_recorder_get_calls_of_their_own(run: Run, task: Task, say: Say) -> None:
    recorder = run.begin(task)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: say(recorder), range(200)))
    assert sorted(turn.call for turn in run.turns()) == list(range(200))


async def test_every_asyncio_task_and_its_threads_record_into_their_own_rollout(run: Run, say: Say) -> None:
    def speak() -> None:
        recorder = current_recorder()
        assert recorder is not None
        say(recorder, recorder.rollout.task.id)

    async def work(number: int) -> None:
        with recording(run.begin(Task(id=f"t{number}", problem=""))) as recorder:
            for _ in range(5):
                await asyncio.sleep(0)
                await asyncio.gather(asyncio.to_thread(speak), asyncio.create_task(asyncio.to_thread(speak)))
            assert recorder is not None
            recorder.finish()

    await asyncio.gather(*(work(number) for number in range(20)))
    for rollout in run.rollouts("done"):
        assert [turn.completion for turn in run.turns(rollout.id)] == [rollout.task.id] * 10
    assert len(run.rollouts("done")) == 20


def test_the_recorder_is_known_inside_the_block_only(run: Run, task: Task) -> None:
    assert current_recorder() is None
    recorder = run.begin(task)
    with recording(recorder):
        assert current_recorder() is recorder
        with recording(None):
            assert current_recorder() is None
        seen: list[object] = []
        bare = threading.Thread(target=lambda: seen.append(current_recorder()))
        bare.start()
        bare.join()
        assert seen == [None]
    assert current_recorder() is None
