import time
from typing import Any

from tutelage import Sampling, Task
from tutelage.traces import RecordedCall, Run, Sample

TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}


def call(**fields: Any) -> RecordedCall:
    plain: dict[str, Any] = {
        "role": "solver",
        "messages": [{"role": "user", "content": "2+3?"}],
        "sampling": Sampling(temperature=0.5),
        "model": "vllm:DIR",
        "policy": "0123",
        "started": time.time(),
        "seconds": 0.25,
        "completions": [Sample("5", "stop", (1, 2), (-0.5, -0.25))],
        "prompt_token_ids": (7, 8, 9),
    }
    return RecordedCall(**plain | fields)


def fields_of(call: RecordedCall) -> dict[str, Any]:
    """The fields as tuples, whatever kind of sequence they are."""
    names = RecordedCall.__dataclass_fields__
    found = {name: getattr(call, name) for name in names}
    return {key: tuple(each) if isinstance(each, list) else each for key, each in found.items()}


CALLS: list[dict[str, Any]] = [
    {},
    {"completions": [Sample(text, metadata={"k": [1]}) for text in ("a", "b", "\udc80")], "samples": 3},
    {"tools": (TOOL,), "tool_choice": "auto", "node": "n", "author": "person:eve"},
    {"completions": [Sample("", "tool_calls", tool_calls=({"id": "c", "function": {}},))]},
    {"completions": [Sample("")], "error": "it broke", "prompt_token_ids": None},
    {"messages": (), "sampling": Sampling(stop=("x",))},
]


def test_calls_come_back_as_they_were_recorded(run: Run, task: Task) -> None:
    recorder = run.begin(task)
    calls = [call(**fields) for fields in CALLS]
    first = recorder.call(calls[0])
    calls[1].parents = first
    for each in calls[1:]:
        recorder.call(each)
    recorder.finish("5")
    found = run.calls(recorder.rollout.id)
    assert [each.number for each in found] == list(range(len(CALLS)))
    for before, after in zip(calls, found, strict=True):
        assert fields_of(after) == fields_of(before)


def test_calls_and_turns_tell_the_same(run: Run, task: Task, say: Any) -> None:
    recorder = run.begin(task)
    number = recorder.next_call()
    for sample in range(3):
        say(recorder, f"{sample}", call=number, sample=sample)
    say(recorder)
    (first, second), turns = run.calls(recorder.rollout.id), run.turns(recorder.rollout.id)
    assert (first.samples, [each.completion for each in first.completions]) == (3, ["0", "1", "2"])
    assert [each.id for each in (*first.completions, *second.completions)] == [turn.id for turn in turns]


def test_the_calls_of_one_rollout_only_are_given(run: Run, task: Task, say: Any) -> None:
    recorders = [run.begin(task, repeat) for repeat in range(2)]
    for recorder in recorders:
        say(recorder, recorder.rollout.id)
    for recorder in recorders:
        (found,) = run.calls(recorder.rollout.id)
        assert found.completions[0].completion == recorder.rollout.id
    assert run.calls("nobody") == []


def test_ends_name_the_rollouts_that_are_done_or_failed(run: Run, task: Task) -> None:
    done, failed, abandoned, _ = (run.begin(task, repeat) for repeat in range(4))
    done.finish()
    failed.fail("no")
    abandoned.abandon("interrupted")
    assert run.ends() == {(task.id, 0): done.rollout.id, (task.id, 1): failed.rollout.id}
    assert run.finished() == {(task.id, 0), (task.id, 1)}
