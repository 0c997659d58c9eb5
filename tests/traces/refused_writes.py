"""Records a small run again and again, and each time one more of SQLite's system calls is refused.

Run by test_faults.py with an errno and how many calls in a row fail; prints how many were refused in all. Every
refusal is one sentence, what was acknowledged is there, what was refused is not, and the same recorder goes on.
"""

import asyncio
import errno
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.killing.audit import integrity
from benchmarks.killing.system_calls import watch

from tutelage import Sampling, Score, Task
from tutelage.errors import StoreError
from tutelage.traces import RecordedCall, RolloutRecorder, Run, Sample, Store

TRIES = 4
MEMORY = Path("/dev/shm")
"""Where there is no disk to wait for."""
Result = TypeVar("Result")


class Refusal:
    """Refuses the calls from `first` on, `length` of them."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.first = self.length = self.calls = self.refused = 0

    def set(self, first: int, length: int) -> None:
        self.first, self.length, self.calls = first, length, 0

    def decide(self, call: str, name: str) -> int:
        self.calls += 1
        if self.first <= self.calls < self.first + self.length:
            self.refused += 1
            return self.code
        return 0


def insist(action: Callable[[], Result]) -> Result:
    """Try until it works; every refusal is one sentence."""
    for _ in range(TRIES):
        try:
            return action()
        except StoreError as error:
            assert "\n" not in str(error), error
    return action()


def call(text: str) -> RecordedCall:
    return RecordedCall(
        role="solver",
        messages=[{"role": "user", "content": "What is 6 times 7?"}],
        sampling=Sampling(),
        model="none",
        policy="none",
        started=time.time(),
        seconds=0.0,
        completions=[Sample(f"{text} {at} {'long ' * 60}", token_ids=range(40 + at)) for at in range(2)],
        samples=2,
        prompt_token_ids=range(60),
    )


async def both(recorder: RolloutRecorder, texts: list[str]) -> None:
    """Record two calls in one transaction; what is refused is tried again."""
    results: list[Any] = await asyncio.gather(
        *(recorder.acall(call(text)) for text in texts), return_exceptions=True
    )
    for text, result in zip(texts, results, strict=True):
        if isinstance(result, StoreError):
            insist(lambda text=text: recorder.call(call(text)))  # type: ignore[misc]
        elif isinstance(result, BaseException):
            raise result


def finished(recorder: RolloutRecorder, text: str) -> None:
    """Record the end in one transaction."""
    with recorder.together():
        candidate = recorder.candidate(text)
        recorder.score(Score(name="exact", value=1.0), subject="candidate", subject_id=candidate.id)
        recorder.finish(text, {"text": text})


def record(directory: Path) -> None:
    """Record two rollouts against all odds."""
    with insist(lambda: Store.open(directory)) as store:
        run = insist(lambda: store.start_run({}))
        for at in range(2):
            recorder = insist(lambda at=at: run.begin(Task(id=f"t{at}", problem="p")))  # type: ignore[misc]
            insist(lambda at=at, to=recorder: to.call(call(f"{at} alone")))  # type: ignore[misc]
            asyncio.run(both(recorder, [f"{at} first", f"{at} second"]))
            insist(lambda at=at, to=recorder: finished(to, f"end {at}"))  # type: ignore[misc]
        said = sorted(turn.completion[:10] for turn in run.turns())
        assert len(run.turns()) == 12, said


def check(directory: Path) -> None:
    """Everything is there once."""
    assert not integrity(directory / "run.sqlite")
    with Run.open(directory) as run:
        assert run.finished() == {("t0", 0), ("t1", 0)}
        turns = run.turns()
        assert len({turn.completion for turn in turns}) == len(turns) == 12
        assert {turn.prompt_token_ids for turn in turns} == {tuple(range(60))}
        assert all(turn.completion_token_ids == tuple(range(40 + turn.sample)) for turn in turns)
        assert [each.text for each in run.candidates()] == ["end 0", "end 1"]
        assert len(run.scores()) == 2
        assert [each.output for each in run.rollouts()] == [{"text": "end 0"}, {"text": "end 1"}]


def main(name: str, length: int) -> None:
    refusal = Refusal(getattr(errno, name))
    if not watch(refusal.decide):
        print("not possible here")
        return
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        record(Path(folder) / "all")
        calls = refusal.calls
        for first in range(1, calls + 1):
            refusal.set(first, length)
            directory = Path(folder) / str(first)
            try:
                record(directory)
                refusal.set(0, 0)
                check(directory)
            except BaseException as problem:
                problem.add_note(f"{name}, {length} calls from call {first} of {calls} on")
                raise
            shutil.rmtree(directory)
    print(refusal.refused)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
