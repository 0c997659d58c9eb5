"""Where a session stands: its branch, what holds it, the frames around, the state, and the visits behind it.

The base of `Session`. Not covered: moving on (`going`), changing anything (`changing`, `branching`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tutelage.agents.engine import Request
from tutelage.errors import UserError
from tutelage.graphs.debugging import fields
from tutelage.graphs.debugging.hold import Hold
from tutelage.graphs.debugging.track import Track, Tracked
from tutelage.graphs.debugging.view import Change, Frame, PendingPrompt, SessionStatus, Stop, Visit
from tutelage.graphs.debugging.workbench import Workbench
from tutelage.graphs.outcome import plain_value
from tutelage.traces import Run
from tutelage.traces.session_log import LoggedBranch
from tutelage.types import Task

__all__ = ["Standing", "known_visit"]


class Standing:
    """The part of `Session` that says where it is."""

    def __init__(self, bench: Workbench, branch: LoggedBranch) -> None:
        """Stand for a branch."""
        self.bench = bench
        self._branch = branch
        self._execution = bench.execution(branch)
        self._outer = 0
        """How many frames up from the innermost one is looked at."""

    @property
    def branch(self) -> str:
        """The branch's name."""
        return self._logged.name

    @property
    def task(self) -> Task:
        """What the graph works on."""
        return self.bench.task

    @property
    def path(self) -> Path | None:
        """The session's directory; `None` for one in memory."""
        return self.bench.run.path

    @property
    def run_record(self) -> Run:
        """The run in which the turns are recorded."""
        return self.bench.run

    @property
    def rollout_id(self) -> str:
        """The rollout of this branch."""
        return self._branch.rollout

    @property
    def status(self) -> SessionStatus:
        """Where it is: stopped, running, done or failed."""
        if self._execution is not None:
            return self._execution.gate.status
        outcome = self._logged.outcome or {}
        status: SessionStatus = "failed" if outcome.get("status") == "failed" else "done"
        return status

    @property
    def error(self) -> str | None:
        """Why it failed."""
        if self._execution is not None:
            return self._execution.error
        return (self._logged.outcome or {}).get("error")

    @property
    def stop(self) -> Stop | None:
        """Where it is held, and why; `None` while it runs and once it has ended."""
        hold = self._held
        return None if hold is None else self._stop_of(hold)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The graph's nodes, inner ones as "outer/inner"."""
        return tuple(sorted(self.bench.shape.paths))

    @property
    def notice(self) -> str | None:
        """What changed in the graph since the session was last opened; `None` where nothing did."""
        return self.bench.notice

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The graphs around the stop, outermost first."""
        hold = self._held
        return (Frame(),) if hold is None else hold.entry.frames

    @property
    def frame(self) -> Frame:
        """The graph whose state is looked at."""
        return self.frames[-1 - self._outer]

    @property
    def state(self) -> dict[str, Any]:
        """The state of the graph that is looked at; after a node with what it wrote."""
        execution = self._execution
        if execution is None or execution.gate.last is None:
            return self._last_state()
        hold = self._held
        if hold is None:
            return (
                self._last_state() if execution.gate.status != "running" else fields.read(execution.gate.last)
            )
        entry = hold.entry
        if self._outer == 0:
            return execution.state_at(entry, hold.visit)
        for _ in range(self._outer):
            if entry.parent is not None:
                entry = entry.parent
        return fields.read(entry)

    def up(self) -> Frame:
        """Look at the graph around this one.

        Raises:
            UserError: This is the outermost.
        """
        if self._outer + 1 >= len(self.frames):
            raise UserError("this is the outermost graph")
        self._outer += 1
        return self.frame

    def down(self) -> Frame:
        """Look at the subgraph towards the stop.

        Raises:
            UserError: This is the innermost.
        """
        if self._outer == 0:
            raise UserError("this is the innermost graph")
        self._outer -= 1
        return self.frame

    def visits(self) -> list[Visit]:
        """Give the visits of this branch's path, those that it shares with its parents first."""
        names = {each.id: each.name for each in self.bench.log.branches()}
        return [
            each.view(names[each.branch]) for each in sorted(self._track.visits, key=lambda each: each.number)
        ]

    def changes(self, number: int | None = None) -> list[Change]:
        """Tell what a visit changed in the state; by default the latest that ended.

        Raises:
            UserError: There is no such visit.
        """
        ended = [each for each in self._track.visits if each.after is not None]
        if number is None and not ended:
            return []
        visit = (
            max(ended, key=lambda each: each.ended or 0)
            if number is None
            else known_visit(self._track, number)
        )
        after = visit.after or {}
        return [
            Change(field=name, before=self._kept(visit.before.get(name)), after=self._kept(after.get(name)))
            for name in visit.changed
        ]

    def read(self, number: int) -> dict[str, Any]:
        """Give the state before a visit.

        Raises:
            UserError: There is no such visit.
        """
        visit = known_visit(self._track, number)
        return {name: self.bench.keeper.get(kept) for name, kept in visit.before.items() if kept is not None}

    @property
    def _logged(self) -> LoggedBranch:
        return next(each for each in self.bench.log.branches() if each.id == self._branch.id)

    @property
    def _track(self) -> Track:
        if self._execution is not None:
            return self._execution.track
        return self.bench.track_of(self._branch)

    @property
    def _held(self) -> Hold | None:
        execution = self._execution
        return execution.gate.held[0] if execution is not None and execution.gate.held else None

    def _must_be_held(self) -> Hold:
        if self._logged.dropped:
            raise UserError(f"branch {self.branch!r} was dropped")
        hold = self._held
        if hold is None:
            what = {"done": "has ended", "failed": "has failed", "running": "is running"}.get(self.status, "")
            how = "pause() it first" if self.status == "running" else "fork(at=NUMBER) goes back to a visit"
            raise UserError(f"branch {self.branch!r} {what}; {how}")
        return hold

    def _in_loop(self, action: Callable[[], None]) -> None:
        async def work() -> None:
            action()

        self.bench.do(work())

    def _kept(self, name: str | None) -> JsonValue:
        return None if name is None else plain_value(self.bench.keeper.get(name))

    def _whole_state(self) -> dict[str, Any]:
        """The state of the outermost graph, wherever the branch is held."""
        hold = self._held
        if hold is None or hold.entry.parent is None:
            return self.state
        entry = hold.entry
        while entry.parent is not None:
            entry = entry.parent
        return fields.read(entry)

    def _last_state(self) -> dict[str, Any]:
        """The state at the end of the graph; where it failed, after the last visit of the outermost graph."""
        if self._track.final is not None:
            final = self._track.final
            return {name: self.bench.keeper.get(kept) for name, kept in final.items() if kept is not None}
        ended = [each for each in self._track.visits if each.after is not None and not each.within]
        if not ended:
            return {}
        last = max(ended, key=lambda each: each.ended or 0)
        return {
            name: self.bench.keeper.get(kept) for name, kept in (last.after or {}).items() if kept is not None
        }

    def _stop_of(self, hold: Hold) -> Stop:
        names = {each.id: each.name for each in self.bench.log.branches()}
        return Stop(
            when=hold.when,
            visit=hold.visit.view(names[hold.visit.branch]),
            why=hold.why,
            breakpoint=hold.breakpoint,
            question=plain_value(hold.question),
            request=None if hold.request is None else _pending(hold, hold.request),
            error=hold.error,
        )


def known_visit(track: Track, number: int) -> Tracked:
    """Give a visit by its number.

    Raises:
        UserError: There is none.
    """
    visit = track.number(number)
    if visit is None:
        listed = ", ".join(f"{each.number} {each.node}" for each in track.visits) or "none"
        raise UserError(f"there is no visit {number!r} on this branch; there are: {listed}")
    return visit


def _pending(hold: Hold, request: Request) -> PendingPrompt:
    return PendingPrompt(
        role=request.role or "",
        node=request.node,
        messages=tuple(request.messages),
        sampling=request.sampling.model_dump(mode="json"),
        tools=tuple(request.tools),
        samples=request.n,
        text=hold.text,
        token_ids=hold.token_ids,
    )
