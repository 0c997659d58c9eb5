"""A recorded run opened for replay, shared by all engines that replay it in this process.

Nothing is read ahead: the calls of a rollout are read when it asks for the first time and dropped when it
ends (when its recorder is). Outside a rollout requests are found by content over the whole run, through an
index of hashes that is made at the first such request. Only rollouts that are done or failed are replayed.

Engines of the same run share one place in it, so that several models of a graph replay together. When the
last of them is closed, the run is closed, too. Not covered: what happens to a request that is not found
(`tutelage.agents.engines.replay_engine`).
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary, WeakValueDictionary

from tutelage.agents.engine import Request
from tutelage.agents.engines.replay_call import Key, ReplayCall, replay_calls
from tutelage.agents.engines.replay_difference import Differences, unasked
from tutelage.agents.engines.replay_place import Progress, ReplayPlace
from tutelage.errors import EngineError, ReplayDivergence
from tutelage.traces import RolloutRecorder, Run

__all__ = ["ReplayRecord", "open_record"]

PAGES = 32
"""Rollouts whose calls are kept for requests outside a rollout."""
MOST_CALLS = 2**20
"""Calls in one rollout that the index can tell apart."""

RolloutKey = tuple[str, int]
"""Task id and repeat."""

_open: WeakValueDictionary[tuple[Path, str | None], "ReplayRecord"] = WeakValueDictionary()
_opening = threading.Lock()


def open_record(path: str | Path, ignore: str | None) -> "ReplayRecord":
    """Open a run for replay, or take the one that another engine has open; `release` it in the end.

    Raises:
        StoreError: There is no run, or it cannot be read.
    """
    key = (Path(path).resolve(), ignore)
    with _opening:
        record = _open.get(key)
        if record is None or not record.users:
            record = _open[key] = ReplayRecord(str(path), ignore)
        record.users += 1
    return record


class ReplayRecord:
    """One run under replay."""

    def __init__(self, where: str, ignore: str | None) -> None:
        """Open a run; see `open_record`."""
        self.where = where
        self.ignore = None if ignore is None else re.compile(ignore)
        self.run = Run.open(where)
        self.users = 0
        self._places: WeakKeyDictionary[RolloutRecorder, ReplayPlace] = WeakKeyDictionary()
        self._touched: dict[RolloutKey, Progress] = {}
        self._rollouts: dict[RolloutKey, str] | None = None
        self._index: dict[int, list[int]] | None = None
        self._ids: list[str] = []
        self._pages: OrderedDict[str, list[ReplayCall]] = OrderedDict()
        self._lock = threading.RLock()

    def release(self) -> None:
        """Say that one engine is done with it; the last one closes the run."""
        with _opening:
            self.users -= 1
            if self.users <= 0:
                self.run.close()

    def place(self, recorder: RolloutRecorder, patience: float) -> ReplayPlace:
        """Where a rollout is in the record.

        Raises:
            ReplayDivergence: The record does not hold this rollout.
            EngineError: The engine is closed.
        """
        place = self._places.get(recorder)
        if place is None:
            with self._lock:
                place = self._places.get(recorder) or self._begin(recorder, patience)
        return place

    def anywhere(self, key: Key, request: Request) -> ReplayCall:
        """Take the next recorded call of this content, in whatever rollout.

        Raises:
            ReplayDivergence: There is none, or none is left.
            EngineError: The engine is closed.
        """
        with self._lock:
            self._must_be_open()
            index = self._index if self._index is not None else self._indexed()
            waiting = index.get(hash(key))
            while waiting:
                rollout, at = divmod(waiting.pop(), MOST_CALLS)
                call = self._page(self._ids[rollout])[at]
                if call.key == key:
                    return call
            some = [call for rollout in self._ids[:PAGES] for call in self._page(rollout)]
            differences = Differences(self.where, "outside a rollout", len(some))
            raise ReplayDivergence(differences.nowhere(key, request, some, asked_before=waiting is not None))

    def check(self) -> None:
        """Check that every rollout that began kept to the record, and asked every call of it.

        Raises:
            ReplayDivergence: One did not; what was raised before, and maybe swallowed, is raised again.
        """
        self._check(self._touched)

    def _check(self, touched: Mapping[RolloutKey, Progress]) -> None:
        for progress in touched.values():
            if progress.stopped is not None:
                raise ReplayDivergence(progress.stopped)
        missing = {
            f"task {task!r}, repeat {repeat}": [
                call
                for call, answered in zip(
                    self._read(self._known()[task, repeat]), progress.answered, strict=True
                )
                if not answered
            ]
            for (task, repeat), progress in touched.items()
            if not progress.complete
        }
        if missing:
            raise ReplayDivergence(unasked(self.where, missing))

    @property
    def live(self) -> list[RolloutKey]:
        """The rollouts that left the record and went on live."""
        known = self._known()
        return [key for key, progress in self._touched.items() if progress.live and key in known]

    @property
    def diverged(self) -> list[RolloutKey]:
        """The rollouts that left the record and did not go on live."""
        return [key for key, progress in self._touched.items() if progress.stopped is not None]

    def _begin(self, recorder: RolloutRecorder, patience: float) -> ReplayPlace:
        self._must_be_open()
        key = (recorder.rollout.task.id, recorder.rollout.repeat)
        found = self._known().get(key)
        calls = [] if found is None else self._read(found)
        differences = Differences(self.where, f"task {key[0]!r}, repeat {key[1]}", len(calls))
        place = self._places[recorder] = ReplayPlace(calls, differences, patience)
        if found is None:
            place.not_recorded()
        self._touched[key] = place.progress
        recorder.before_finish(partial(self._check, {key: place.progress}))
        return place

    def _known(self) -> dict[RolloutKey, str]:
        if self._rollouts is None:
            self._rollouts = self.run.ends()
        return self._rollouts

    def _read(self, rollout_id: str) -> list[ReplayCall]:
        return replay_calls(self.run.calls(rollout_id), self.ignore)

    def _page(self, rollout_id: str) -> list[ReplayCall]:
        calls = self._pages.pop(rollout_id, None)
        calls = self._pages[rollout_id] = self._read(rollout_id) if calls is None else calls
        if len(self._pages) > PAGES:
            self._pages.popitem(last=False)
        return calls

    def _indexed(self) -> dict[int, list[int]]:
        """Hashes of all contents; each with the calls of that hash, the one that started first the last."""
        index: dict[int, list[int]] = {}
        self._ids = list(self._known().values())
        for number in reversed(range(len(self._ids))):
            calls = self._read(self._ids[number])
            for at in reversed(sorted(range(len(calls)), key=lambda at: calls[at].said.started)):
                index.setdefault(hash(calls[at].key), []).append(number * MOST_CALLS + at)
        self._index = index
        return index

    def _must_be_open(self) -> None:
        if self.users <= 0:
            raise EngineError(f"the replay of {self.where!r} is closed; connect() again.")
