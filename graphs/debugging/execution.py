"""One branch under way: its graph runs in the background and is held, served and written down, node by node.

What is on record is served: a visit that ended gives its result without running, and a model call of one that did not
end is answered from its turns. So a branch stands where it stood after a crash, and a fork starts where it left its
parent, with nothing executed twice. Everything here happens in the event loop of the session. Not covered: which
branches there are (`workbench`), and who drives (`session`).
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph.errors import GraphRecursionError

from tutelage.agents.engine import Answer, Completion, Engine, Request
from tutelage.agents.interception import Intercepted, Proceed, intercepting
from tutelage.errors import ReplayDivergence, TutelageError
from tutelage.graphs.debugging import fields
from tutelage.graphs.debugging.answers import joined, kind_of, recorded_failure
from tutelage.graphs.debugging.breakpoints import Occasion
from tutelage.graphs.debugging.gate import Gate
from tutelage.graphs.debugging.hold import Asked, Hold, is_meant
from tutelage.graphs.debugging.place import Crossroads, Entry, Place, Signpost, Taken, current_place, placed
from tutelage.graphs.debugging.recorded_calls import RecordedCalls, asked_of
from tutelage.graphs.debugging.shape import router_name, targets_of
from tutelage.graphs.debugging.stepping import Mode
from tutelage.graphs.debugging.track import Track, Tracked, key_of_entry, nth_key, place_key
from tutelage.graphs.debugging.view import When
from tutelage.graphs.outcome import plain_value
from tutelage.traces import RolloutRecorder, recording
from tutelage.traces.session_log import LoggedBranch

if TYPE_CHECKING:
    from tutelage.graphs.debugging.workbench import Workbench

__all__ = ["Execution"]


class Execution:
    """The watcher and interceptor of one branch."""

    def __init__(
        self,
        bench: "Workbench",
        branch: LoggedBranch,
        recorder: RolloutRecorder,
        *,
        mode: Mode | None = None,
        quiet: bool = False,
    ) -> None:
        """Prepare; `start` runs it.

        Args:
            bench: What the branches of a session share.
            branch: The branch.
            recorder: Its rollout.
            mode: How far to go at first; `None`: to where it was held, else to its first event.
            quiet: Never hold: nobody looks.
        """
        self.bench = bench
        self.branch = branch
        self.recorder = recorder
        self.track = Track(bench.log.path(branch))
        self.calls = RecordedCalls(bench, branch, self.track)
        shared = [turn for each in self.track.visits if each.branch != branch.id for turn in each.turns]
        if shared:
            recorder.follow(shared)
        self.gate = Gate(bench.breakpoints, self._log, self.track.holds, mode, begun=bool(self.track.visits))
        self.error: str | None = None
        self._quiet = quiet
        self._seen: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._nths: dict[tuple[str, str], int] = {}
        self._called: set[str] = set()
        self._entries: dict[str, Entry] = {}
        self._failed: BaseException | None = None
        self._written: dict[tuple[int, str], int] = {}
        """The number of the latest edit of a graph's field."""
        self._tokens = sum(sum(each.tokens) for each in self.track.visits)
        self._tokens_before = self._tokens
        self._clocks: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to run, in the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """Leave it where it is; it can be taken up again."""
        if self._task is not None and not self._task.done():
            self.recorder.leave()
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _log(
        self, kind: str, key: str, data: Mapping[str, Any], contents: Mapping[bytes, bytes] | None = None
    ) -> int:
        event = self.bench.log.append(self.branch.id, kind, key, data, contents)
        self.track.add(event)
        return event.seq

    async def _run(self) -> None:
        try:
            with recording(self.recorder), intercepting(self), placed(Place(self)):
                state = await self._to_end()
            self._finished()
            outcome = await self.bench.finish(self.recorder, state)
            self.bench.log.end(self.branch.id, outcome)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            try:
                outcome = self.bench.failed(self.recorder, error)
                self.bench.log.end(self.branch.id, outcome)
            except TutelageError as lost:
                outcome = {"status": "failed", "error": str(lost)}
        self.error = outcome.get("error")
        self.branch = replace(self.branch, outcome=outcome)
        self.gate.ended(outcome["status"])

    async def _to_end(self) -> Mapping[str, Any]:
        """Run the graph to its end, beyond its limit of steps where a person says so."""
        while True:
            try:
                return await self.bench.invoke(self.track.limits.get(""))
            except GraphRecursionError as error:
                if error is self._failed or not await self._may_go_on():
                    raise

    async def _may_go_on(self) -> bool:
        """Hold where the outermost graph may take no more steps; whether it goes on nevertheless."""
        outermost = [each for each in self._entries.values() if each.parent is None]
        entry = max(outermost, key=lambda each: (each.step, each.note.number), default=None)
        if entry is None:
            return False
        entry.result = None  # The step is over, and what the node returned is in the state already.
        hold = await self._gate(entry, entry.note, "error", error=_limited("the graph", entry.limit))
        if hold is None or not hold.again:
            return False
        self._go_beyond("", entry.limit)
        return True

    def _go_beyond(self, key: str, steps: int) -> None:
        """Let a graph begin again, with what it did on record, and take as many steps again.

        Args:
            key: That of the node that it is; "" for the outermost.
            steps: How many it has taken.
        """
        self._log("limit", key, {"steps": 2 * steps})
        inside = f"{key}/" if key else ""
        over = {id(each.channels) for place, each in self._entries.items() if place.startswith(inside)}
        self._written = {place: seq for place, seq in self._written.items() if place[0] not in over}
        self._nths = {call: nth for call, nth in self._nths.items() if not call[0].startswith(inside)}
        self._called = {each for each in self._called if not each.startswith(inside)}
        known: dict[str, Any]
        for known in (self._seen, self._asked, self._entries, self._clocks):
            for each in [each for each in known if each.startswith(inside)]:
                del known[each]

    def _finished(self) -> None:
        """Write the state down that the graph ended with; what it gives back may be less."""
        entry = self.gate.last
        while entry is not None and entry.parent is not None:
            entry = entry.parent
        if entry is not None:
            contents: dict[bytes, bytes] = {}
            state = self.bench.keeper.names(fields.read(entry), contents)
            self._log("final", "", {"state": state}, contents)

    async def enter(self, entry: Entry) -> Taken:
        """See `Watcher.enter`."""
        key = key_of_entry(entry, self._seen)
        visit = self.track.get(key) or self._begin(key, entry)
        entry.note = visit
        self.gate.last = entry
        self._entries[place_key(entry)] = entry
        for when, name, value, seq in visit.edits:
            if when != "after":
                self._change_state(entry, name, self.bench.keeper.get(value), seq, read=when == "before")
        if visit.ended is not None and visit.result is not None:
            entry.result = self.bench.keeper.get(visit.result)
            self._write_after(entry, visit)
            if self.gate.restores(visit, "after"):
                await self._gate(entry, visit, "after")
            return Taken(result=self._returned(entry, visit), served=True)
        if visit.error is not None and (visit.raised or self.gate.restores(visit, "error")):
            decided = await self._failed_before(entry, visit)
            if decided.served:
                return decided
        else:
            await self._gate(entry, visit, "before")
        visit.status = "running"
        self.gate.forget_idle(key)
        self._clocks[key] = time.perf_counter()
        return Taken(input=entry.input, steps=self.track.limits.get(key))

    async def _failed_before(self, entry: Entry, visit: Tracked) -> Taken:
        """What happens with a node whose failure is on record: it fails again without running, unless a person says.

        Raises:
            Exception: The recorded failure, by its type and text.
        """
        assert visit.error is not None
        error = recorded_failure(visit.kind, visit.error)
        decided = None if visit.raised else await self._erring(entry, visit, visit.error)
        if decided is None:
            self._failed = error
            raise error
        return decided

    async def _erring(self, entry: Entry, visit: Tracked, error: str) -> Taken | None:
        """Hold at a failure; the node runs again or a person's values stand in, else the graph is told (`None`)."""
        hold = await self._gate(entry, visit, "error", error=error)
        if hold is not None and hold.again:
            visit.status, visit.error = "running", None
            if visit.steps is not None:
                self._go_beyond(visit.key, visit.steps)
            return Taken(input=entry.input, steps=self.track.limits.get(visit.key))
        given = self._edits_after(visit)
        if given:
            return await self._given(entry, visit, given)
        self._log("raise", visit.key, {})
        return None

    async def leave(self, entry: Entry, result: Any) -> Any:
        """See `Watcher.leave`."""
        visit: Tracked = entry.note
        self.gate.last = entry
        result = fields.identified(entry, result)
        self._end(entry, visit, result)
        self._write_after(entry, visit)
        await self._gate(entry, visit, "after")
        return self._returned(entry, visit)

    def _returned(self, entry: Entry, visit: Tracked) -> Any:
        """What the graph gets of a node: what it returned, without what a person has written in its stead."""
        return fields.without(entry, entry.result, self._overruled(entry, visit))

    def _write_after(self, entry: Entry, visit: Tracked) -> None:
        """Write what a person changed after a node, before its neighbours' writes come upon it."""
        for when, name, value, seq in visit.edits:
            if when == "after":
                self._change_state(entry, name, self.bench.keeper.get(value), seq, read=False)

    async def fail(self, entry: Entry, error: Exception) -> Taken | None:
        """See `Watcher.fail`."""
        visit: Tracked = entry.note
        told, steps = f"{type(error).__name__}: {error}", None
        if isinstance(error, GraphRecursionError) and error is not self._failed:
            inner = (each.limit for each in self._entries.values() if each.parent is entry)
            steps = next(inner, None)
            told = told if steps is None else _limited(f"the graph inside {visit.node!r}", steps)
        data = {"error": told, "kind": kind_of(error), "seconds": self._seconds(visit), "steps": steps}
        self._log("fail", visit.key, data)
        if self._failed is error:
            self._log("raise", visit.key, {})
            return None
        self._failed = error
        return await self._erring(entry, visit, told)

    async def _given(self, entry: Entry, visit: Tracked, given: Mapping[str, Any]) -> Taken:
        """Let what a person set stand for what a node that failed should have returned."""
        self._end(entry, visit, given)
        self._write_after(entry, visit)
        await self._gate(entry, visit, "after")
        return Taken(result=self._returned(entry, visit), served=True)

    async def ask(self, entry: Entry, question: Any) -> Any:
        """See `Watcher.ask`."""
        visit: Tracked = entry.note
        number = self._asked.get(visit.key, 0)
        self._asked[visit.key] = number + 1
        if number < len(visit.answers):
            return self.bench.keeper.get(visit.answers[number])
        hold = await self._gate(entry, visit, "asks", question=question)
        if hold is None or not hold.answered:
            raise NotImplementedError
        return hold.answered[0]

    def approach(self, crossroads: Crossroads) -> Signpost:
        """See `Watcher.approach`."""
        key = self._key_at(crossroads)
        entry = self._entries.get(place_key(crossroads))
        for known in self.track.routes.get(key, ()):
            if known["number"] == crossroads.number and known["decided"] is not None:
                return Signpost(entry, self.bench.keeper.get(known["decided"]), served=True)
        return Signpost(entry)

    def route(self, crossroads: Crossroads, read: Mapping[str, Any], decided: Any) -> None:
        """See `Watcher.route`."""
        contents: dict[bytes, bytes] = {}
        data = {
            "number": crossroads.number,
            "targets": targets_of(decided),
            "router": router_name(crossroads.router),
            "read": {name: plain_value(value) for name, value in read.items()},
            "decided": self.bench.keeper.keep(decided, contents),
        }
        self._log("route", self._key_at(crossroads), data, contents)

    def _key_at(self, crossroads: Crossroads) -> str:
        place = place_key(crossroads)
        return nth_key(place, self._seen.get(place, 1))

    async def call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        """See `Interceptor.call`; a synchronous caller has an event loop of its own."""
        if asyncio.get_running_loop() is self._loop:
            return await self._call(request, engine, proceed)
        return await self.bench.loop.call(self._call(request, engine, proceed))

    async def _call(self, request: Request, engine: Engine, proceed: Proceed) -> Intercepted:
        place = current_place()
        if place is None or place.entry is None:
            return Intercepted(request, await proceed(request))
        entry, visit = place.entry, place.entry.note
        asked = asked_of(request)
        nth = self._nths[visit.key, asked] = self._nths.get((visit.key, asked), 0) + 1
        first = visit.key not in self._called
        self._called.add(visit.key)
        known = self.calls.take(visit.key, asked)
        if known is not None:
            if known.call.error is not None:
                raise known.call.failure()
            return Intercepted(request, known.call.answer(), turns=known.turns)
        edits = [each for each in visit.prompts if is_meant(each, asked, nth, first)]
        return await self._live(entry, visit, Asked(request, asked, nth, edits), engine, proceed)

    async def _live(
        self, entry: Entry, visit: Tracked, call: Asked, engine: Engine, proceed: Proceed
    ) -> Intercepted:
        """Answer a call that is not on this session's record: from a replayed run, by a person, or by the engine."""
        wanted, said = self._ruled(call.request), None
        for edit in call.edits:
            wanted, said = self.bench.edited(wanted, edit), edit.get("said")
        divergence, found = None, None
        try:
            found = self.calls.replayed(wanted) if said is None else None
        except ReplayDivergence as problem:
            divergence = str(problem)
        when: When = "prompt" if divergence is None else "diverged"
        hold = await self._gate(
            entry, visit, when, request=wanted, asked=call, engine=engine, said=said, error=divergence
        )
        if hold is not None and hold.request is not None:
            changed = hold.request is not wanted or hold.said is not None
            wanted, said = hold.request, hold.said
            found = None if changed else found
        if found is not None and found.error is not None:
            raise found.failure()
        if said is not None:
            completion = Completion(text=said, finish_reason="stop")
            answer = Answer(completions=(completion,) * wanted.n, policy=engine.policy, model=engine.name)
        else:
            begun = next((each["begun"] for each in call.edits if each.get("begun")), None)
            answer = found.answer() if found is not None else joined(await proceed(wanted), begun)
        self._count(visit, answer)
        metadata: dict[str, Any] = {"visit": visit.key, "asked": call.name}
        if asked_of(wanted) != call.name:
            metadata["edited"] = True
        if found is not None:
            metadata["replayed"] = found.number
        author = None if said is None else "person"
        return Intercepted(wanted, answer, author=author, metadata=metadata, recorded=visit.turns.extend)

    def edit_state(self, hold: Hold, name: str, value: Any) -> None:
        """Change a field of the state where it is held."""
        when = {"before": "before", "after": "after", "error": "after"}.get(hold.when, "during")
        contents: dict[bytes, bytes] = {}
        data: dict[str, Any] = {
            "when": when,
            "field": name,
            "value": self.bench.keeper.must_keep(value, contents),
        }
        if when == "after":
            data["over"] = self.track.beside(hold.visit)
        seq = self._log("edit", hold.visit.key, data, contents)
        self._change_state(hold.entry, name, value, seq, read=when == "before")
        for each in self._entries.values():
            if each.note.key in data.get("over", ()) and fields.holds_one(each, name):
                fields.take_back(each, name)

    def edit_request(self, hold: Hold, request: Request, said: str | None) -> None:
        """Change what is about to be sent, or answer it."""
        sampling = request.sampling.model_dump(mode="json")
        messages = [dict(each) for each in request.messages]
        assert hold.asked is not None
        data = {"when": "prompt", "asked": hold.asked.name, "nth": hold.asked.nth, "said": said}
        data |= {"messages": messages, "sampling": sampling}
        self._log("edit", hold.visit.key, data)
        hold.request, hold.said = request, said

    def answer(self, hold: Hold, value: Any) -> None:
        """Answer a question."""
        contents: dict[bytes, bytes] = {}
        self._log("answer", hold.visit.key, {"value": self.bench.keeper.must_keep(value, contents)}, contents)
        hold.answered.append(value)

    def rule(self, data: Mapping[str, Any]) -> None:
        """Change all later calls of a role."""
        self._log("rule", "", data)

    def _begin(self, key: str, entry: Entry) -> Tracked:
        contents: dict[bytes, bytes] = {}
        state = self.bench.keeper.names(fields.read(entry), contents)
        data = {
            "number": self.track.next_number(),
            "node": entry.node,
            "within": list(entry.within),
            "step": entry.step,
            "started": time.time(),
            "parent": None if entry.parent is None else entry.parent.note.number,
            "state": state,
        }
        self._log("begin", key, data, contents)
        visit = self.track.get(key)
        assert visit is not None
        return visit

    def _end(self, entry: Entry, visit: Tracked, result: Any) -> None:
        contents: dict[bytes, bytes] = {}
        keeper = self.bench.keeper
        entry.result = result
        state = keeper.names(fields.after(entry, result), contents)
        data = {"seconds": self._seconds(visit), "result": keeper.keep(result, contents), "state": state}
        self._log("end", visit.key, data, contents)

    def _seconds(self, visit: Tracked) -> float:
        """How long a visit has run, the time for which it was held left out."""
        clock = self._clocks.get(visit.key)
        return 0.0 if clock is None else time.perf_counter() - clock - self.gate.idle(visit.key)

    def _change_state(self, entry: Entry, name: str, value: Any, seq: int, *, read: bool) -> None:
        """Change a field of the running state, unless a neighbour's later edit did so already.

        Args:
            entry: The node at which it was changed.
            name: The field.
            value: Its value.
            seq: The number of the edit.
            read: Whether the node has not begun and is to read it.
        """
        place = id(entry.channels), name
        if name in entry.channels and self._written.get(place, 0) < seq:
            fields.write(entry, name, value)
            self._written[place] = seq
        if read:
            entry.input = fields.changed_input(entry, name, value)

    def _edits_after(self, visit: Tracked) -> dict[str, Any]:
        return {name: self.bench.keeper.get(value) for when, name, value, _ in visit.edits if when == "after"}

    def _overruled(self, entry: Entry, visit: Tracked) -> set[str]:
        """The fields that a person wrote in a node's stead: after it, or after a neighbour where one value is held."""
        beside = self.track.overruled.get(visit.key, ())
        return {*self._edits_after(visit), *(name for name in beside if fields.holds_one(entry, name))}

    def _ruled(self, request: Request) -> Request:
        """The request under the rules for its role."""
        for rule in self.track.rules:
            if rule["role"] in (request.role, "*"):
                request = self.bench.ruled(request, rule)
        return request

    def _count(self, visit: Tracked, answer: Answer) -> None:
        read = len(answer.prompt_token_ids or ()) or answer.prompt_tokens or 0
        said = sum(len(each.token_ids or ()) for each in answer.completions) or answer.completion_tokens or 0
        visit.tokens = (visit.tokens[0] + read, visit.tokens[1] + said)
        self._tokens += read + said

    async def _gate(self, entry: Entry, visit: Tracked, when: When, **about: Any) -> Hold | None:
        """Hold here if somebody wants it; give the hold once it is let go."""
        if self._quiet:
            return None
        occasion = partial(self._occasion, entry, visit, when, about)
        return await self.gate.pass_by(entry, visit, when, occasion, **about)

    def _occasion(self, entry: Entry, visit: Tracked, when: When, about: Mapping[str, Any]) -> Occasion:
        request: Request | None = about.get("request")
        before, self._tokens_before = self._tokens_before, self._tokens
        state = self.state_at(entry, visit)
        last = request.messages[-1].get("content") if request and request.messages else ""
        return Occasion(
            at=when,
            node=visit.node,
            within=visit.within,
            state=state,
            written=visit.changed,
            role=None if request is None else request.role,
            tokens=self._tokens,
            before=before,
            step=visit.step,
            visit=visit.number,
            prompt=last if isinstance(last, str) else str(last),
        )

    def state_at(self, entry: Entry, visit: Tracked) -> dict[str, Any]:
        """The state at a node: as its graph holds it, with the node's own writes once it has ended."""
        if visit.ended is None:
            return fields.seen(entry)
        return fields.after(entry, fields.without(entry, entry.result, self._overruled(entry, visit)))


def _limited(what: str, steps: int) -> str:
    """What is said of a graph that may take no more steps."""
    return (
        f"GraphRecursionError: {what} has taken {steps} steps and has not ended; "
        "retry lets it take as many again, and a fork goes another way"
    )
