"""What the store acknowledged, written down outside of it: a file that a child appends to and its killer reads.

A line is written with one `write` to a file opened with O_APPEND after a method of the recorder has returned (within
`together`, after its block has ended). What is in the ledger was promised; what was recorded and is not in it was
never heard of, and may be there or not.
"""

import functools
import hashlib
import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tutelage.traces import Candidate, RecordedCall, Rollout, RolloutRecorder, ScoreRow, Turn

__all__ = ["Entry", "Ledger", "entry", "read_ledger"]

ENDING = {"finish": "done", "fail": "failed", "abandon": "abandoned"}
"""Methods that end a rollout, and its status from then on."""


class Entry(NamedTuple):
    """One acknowledgement."""

    kind: str
    """`Turn`, `Candidate`, `ScoreRow`, or the status of a rollout that ended."""
    id: str
    """Of the record; of the rollout where the record has none."""
    digest: str
    """The fingerprint of what the record says; "-" for the end of a rollout."""


class Ledger:
    """A file of acknowledgements; `silence` is called before each line, and may end the process."""

    def __init__(self, path: Path, silence: Callable[[], None] = lambda: None) -> None:
        """Append to a file."""
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._silence = silence
        self._held: dict[str, list[Entry]] = {}
        """By rollout, what was said inside a block that is written as a whole."""

    def listen(self) -> None:
        """Hear of everything that recorders of this process write from now on."""
        recorder = RolloutRecorder
        for name in ("turn", "candidate", "score"):
            self._replace(name, lambda method: self._giving(method))
        for name, status in ENDING.items():
            self._replace(name, functools.partial(self._ending, status=status))
        call, acall, together = recorder.call, recorder.acall, recorder.together

        def heard_call(recorder: RolloutRecorder, asked: RecordedCall) -> list[str]:
            turns = call(recorder, asked)
            self._write(recorder, *called(asked))
            return turns

        async def heard_acall(recorder: RolloutRecorder, asked: RecordedCall) -> list[str]:
            turns = await acall(recorder, asked)
            self._write(recorder, *called(asked))
            return turns

        @contextmanager
        def heard_together(recorder: RolloutRecorder) -> Iterator[None]:
            held = self._held[recorder.rollout.id] = []
            try:
                with together(recorder):
                    yield
            finally:
                del self._held[recorder.rollout.id]
            self._write(recorder, *held)

        for name, method in {"call": heard_call, "acall": heard_acall, "together": heard_together}.items():
            setattr(recorder, name, method)

    def _replace(self, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        setattr(RolloutRecorder, name, wrap(getattr(RolloutRecorder, name)))

    def _giving(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def heard(recorder: RolloutRecorder, *args: Any, **named: Any) -> Any:
            given = method(recorder, *args, **named)
            self._write(recorder, entry(given))
            return given

        return heard

    def _ending(self, method: Callable[..., None], status: str) -> Callable[..., None]:
        @functools.wraps(method)
        def heard(recorder: RolloutRecorder, *args: Any, **named: Any) -> None:
            method(recorder, *args, **named)
            self._write(recorder, Entry(status, recorder.rollout.id, "-"))

        return heard

    def _write(self, recorder: RolloutRecorder, *found: Entry) -> None:
        held = self._held.get(recorder.rollout.id)
        if held is not None:
            held += found
            return
        self._silence()
        os.write(self._handle, "".join(f"{' '.join(each)}\n" for each in found).encode())


def entry(record: Turn | Candidate | ScoreRow | Rollout) -> Entry:
    """The acknowledgement that a record would have had."""
    kind = type(record).__name__
    if isinstance(record, Rollout):
        return Entry(record.status, record.id, "-")
    if isinstance(record, Turn):
        ids, values = record.completion_token_ids, record.logprobs
        return Entry(kind, record.id, said(record, record.completion, record.prompt_token_ids, ids, values))
    name = record.id if isinstance(record, Candidate) else record.rollout_id
    return Entry(kind, name, fingerprint(repr(record.model_dump())))


def called(call: RecordedCall) -> Iterator[Entry]:
    """The acknowledgements of a call: one a completion."""
    for sample in call.completions:
        ids, values = sample.token_ids, sample.logprobs
        yield Entry("Turn", sample.id, said(call, sample.completion, call.prompt_token_ids, ids, values))


def said(common: Turn | RecordedCall, completion: str, read: Any, ids: Any, logprobs: Any) -> str:
    """A digest of what a turn says, whichever way it was recorded."""
    arrays = [None if each is None else tuple(each) for each in (read, ids)]
    values = None if logprobs is None else tuple(array("f", logprobs))
    messages = [sorted(message.items()) for message in common.messages]
    who = (common.role, common.node, common.model, common.policy, common.error, common.samples)
    return fingerprint(repr((who, messages, completion, arrays, values)))


def fingerprint(text: str) -> str:
    """A short digest of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def read_ledger(path: Path) -> set[Entry]:
    """All whole lines of a ledger; none where it was never begun."""
    if not path.exists():
        return set()
    lines = path.read_text().split("\n")[:-1]
    return {Entry(*line.split(" ")) for line in lines}
