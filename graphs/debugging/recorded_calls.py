"""Model calls that are on record already: those of a branch's unfinished visits, and those of a replayed run.

A call is known by what was asked (messages, sampling, samples, tools), within its visit. A replayed run's calls are
matched within the recorded rollout; of equal ones the first that is left. Not covered: calls that were under way.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutelage.agents.engine import Request
from tutelage.agents.engines.replay_call import Key, ReplayCall, key_of, replay_calls
from tutelage.agents.engines.replay_difference import Differences
from tutelage.errors import ReplayDivergence
from tutelage.graphs.debugging.track import Track
from tutelage.traces import RecordedCall
from tutelage.traces.session_log import LoggedBranch

if TYPE_CHECKING:
    from tutelage.graphs.debugging.workbench import Workbench

__all__ = ["Known", "RecordedCalls", "SharedCalls", "asked_of"]

ByVisit = dict[str, list[RecordedCall]]
"""Calls by the keys of the visits that made them."""


@dataclass(frozen=True, slots=True)
class Known:
    """A call on record."""

    call: ReplayCall
    turns: tuple[str, ...]


class SharedCalls:
    """The calls of rollouts that branches share, read once for all that leave their parent at one point."""

    def __init__(self) -> None:
        """Read nothing yet."""
        self._point: object = None
        self._read: dict[str, ByVisit] = {}

    def at(self, point: object) -> dict[str, ByVisit]:
        """Give what was read for a point, by rollout, to be added to; what belongs to another one is forgotten."""
        if point != self._point:
            self._point, self._read = point, {}
        return self._read


class RecordedCalls:
    """What needs no engine on a branch."""

    def __init__(self, bench: "Workbench", branch: LoggedBranch, track: Track) -> None:
        """Read the turns of a branch and of what it shares with its parents, into its visits, too."""
        self._known: dict[str, list[tuple[str, Known]]] = {}
        self._taken: set[str] = set()
        self._replay: list[ReplayCall] | None = None
        self._differences: Differences | None = None
        rollouts = {each.id: each.rollout for each in bench.log.branches()}
        own = self._read(bench, branch.rollout)
        inherited = set(track.inherited)
        read = bench.shared_calls.at((branch.parent, branch.upto, inherited))
        answered: set[int] = set()
        for visit in track.visits:
            calls = list(own.get(visit.key, ()))
            if visit.branch != branch.id:
                rollout = rollouts[visit.branch]
                if rollout not in read:
                    read[rollout] = self._read(bench, rollout)
                shared = read[rollout].get(visit.key, [])
                whole = visit.ended is not None
                calls = [each for each in shared if whole or inherited & set(_ids(each))] + calls
            for call in calls:
                visit.turns.extend(_ids(call))
                visit.tokens = _added(visit.tokens, call)
                number = call.completions[0].metadata.get("replayed")
                if isinstance(number, int):
                    answered.add(number)
            if visit.ended is None or visit.result is None:
                ready = [_known(call) for call in calls]
                self._known[visit.key] = ready
        if bench.replayed is not None and branch.kind == "main":
            run, recorded = bench.replayed
            said = replay_calls(run.calls(recorded.id), None)
            self._replay = [each for each in said if each.number not in answered]
            label = f"task {recorded.task.id!r}, repeat {recorded.repeat}"
            self._differences = Differences(str(run.path), label, len(said))

    def _read(self, bench: "Workbench", rollout: str) -> ByVisit:
        found: ByVisit = {}
        for call in bench.run.calls(rollout):
            key = call.completions[0].metadata.get("visit") if call.completions else None
            if isinstance(key, str):
                found.setdefault(key, []).append(call)
        return found

    def take(self, visit: str, asked: str) -> Known | None:
        """Give the next answer on record to what a visit asks; `None` where there is none."""
        waiting = self._known.get(visit, [])
        for place, (known, call) in enumerate(waiting):
            if known == asked:
                del waiting[place]
                self._taken.add(visit)
                return call
        return None

    def taken(self, visit: str) -> bool:
        """Whether a visit got an answer from the record."""
        return visit in self._taken

    def replayed(self, request: Request) -> ReplayCall | None:
        """Give the replayed run's answer; `None` where none is replayed (any more).

        Raises:
            ReplayDivergence: The run has no such call; later calls are not replayed.
        """
        if self._replay is None or self._differences is None:
            return None
        key: Key = key_of(request, None)
        fitting = [each for each in self._replay if each.key == key]
        own = [each for each in fitting if (each.said.node, each.said.role) == (request.node, request.role)]
        if not fitting:
            waiting, self._replay = self._replay, None
            raise ReplayDivergence(self._differences.unknown(key, request, waiting))
        found = (own or fitting)[0]
        self._replay.remove(found)
        return found


def asked_of(request: Request) -> str:
    """Name what is asked: equal requests have equal names."""
    return hashlib.sha256(repr(key_of(request, None)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _ids(call: RecordedCall) -> Sequence[str]:
    return [each.id for each in call.completions]


def _known(call: RecordedCall) -> tuple[str, Known]:
    asked = call.completions[0].metadata.get("asked")
    return str(asked), Known(replay_calls([call], None)[0], tuple(_ids(call)))


def _added(tokens: tuple[int, int], call: RecordedCall) -> tuple[int, int]:
    said = sum(len(each.token_ids or ()) for each in call.completions)
    return tokens[0] + len(call.prompt_token_ids or ()), tokens[1] + said
