"""What the branches of a session share: the watched graph, the record, the log, the loop they run in, breakpoints.

A branch is made in one transaction of the log, after its rollout; what a killed process left between the two is an
abandoned rollout without turns. Not covered: driving (`session`).
"""

import asyncio
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from tutelage.agents.call import changed
from tutelage.agents.engine import Request
from tutelage.agents.engines.loop_thread import LoopThread
from tutelage.errors import UserError
from tutelage.graphs.batch import STEPS, told
from tutelage.graphs.debugging.breakpoints import Breakpoints
from tutelage.graphs.debugging.execution import Execution
from tutelage.graphs.debugging.keeping import Keeper
from tutelage.graphs.debugging.mending import check_followed, mended, outline
from tutelage.graphs.debugging.recorded_calls import RecordedCalls, SharedCalls
from tutelage.graphs.debugging.shape import Shape
from tutelage.graphs.debugging.spelling import Tokenizers
from tutelage.graphs.debugging.stepping import Mode
from tutelage.graphs.debugging.track import Track
from tutelage.graphs.debugging.watching import App, watched
from tutelage.graphs.outcome import judge, plain_state, record
from tutelage.printable import printable
from tutelage.tools import Verifier
from tutelage.traces import Rollout, RolloutRecorder, Run
from tutelage.traces.resuming import DROPPED
from tutelage.traces.session_log import LoggedBranch, SessionLog
from tutelage.types import Task

__all__ = ["Workbench"]

Result = TypeVar("Result")


class Workbench:
    """The shared part of a session."""

    def __init__(
        self,
        app: App,
        *,
        task: Task,
        given: Any,
        run: Run,
        log: SessionLog,
        verifier: Verifier | None,
        replayed: tuple[Run, Rollout] | None,
        context: Any = None,
    ) -> None:
        """Take over an open run and its log.

        Args:
            app: The user's graph, compiled.
            task: What it works on.
            given: The graph's input.
            run: Open for writing.
            log: The session's log.
            verifier: Judges the ends of branches.
            replayed: A recorded rollout that answers in the engines' stead.
            context: LangGraph's run-time context.
        """
        self.app = app
        self.task = task
        self.run = run
        self.log = log
        self.verifier = verifier
        self.replayed = replayed
        self.keeper = Keeper(log, app)
        self.shape = Shape(app)
        self.breakpoints = Breakpoints(self.shape.nodes, self.shape.fields, log.keep_breakpoints)
        self.loop = LoopThread("tutelage-debug")
        self.tokenizers = Tokenizers()
        self.shared_calls = SharedCalls()
        self.executions: dict[int, Execution] = {}
        self._taken_up: dict[int, RolloutRecorder] = {}
        self.notice: str | None = None
        """What changed in the graph since the session was last opened."""
        self._given = given
        self._context = context
        self._watched = watched(app, patient=True)
        known = [*run.rollouts(), *run.rollouts("abandoned")]
        self._repeats = 1 + max((each.repeat for each in known), default=-1)

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the session's loop and wait for it.

        Raises:
            UserError: The session is closed.
        """
        if self.loop.closed:
            work.close()
            raise UserError("the session is closed; debug(graph, store=DIRECTORY) opens a kept one again")
        return self.loop.run(work)

    async def invoke(self, steps: int | None = None) -> Mapping[str, Any]:
        """Run the graph to its end.

        Args:
            steps: How many super-steps it may take; `None`: as many as it says itself.

        Raises:
            GraphRecursionError: It may take no more.
            UserError: It stopped at a question that nobody answered.
        """
        config: RunnableConfig = {}
        if steps is not None or "recursion_limit" not in (self.app.config or {}):
            config["recursion_limit"] = steps or STEPS
        state = await self._watched.ainvoke(self._given, config, context=self._context)
        if isinstance(state, Mapping) and "__interrupt__" in state:
            raise UserError("the graph asks a person, and nobody answers here")
        return state if isinstance(state, Mapping) else {"__root__": state}

    async def finish(self, recorder: RolloutRecorder, state: Mapping[str, Any]) -> dict[str, Any]:
        """Judge and record the end of a branch; give what became of it."""
        if self.verifier is None:
            recorder.finish(None, plain_state(state))
            outcome: dict[str, Any] = {"status": "done", "answer": None, "passed": None, "value": None}
        else:
            judged = await asyncio.to_thread(judge, self.verifier, self.task, state)
            await record(recorder, judged)
            score = judged.final.score
            value = score.value if score.value == score.value else None
            outcome = {
                "status": "done",
                "answer": judged.final.answer,
                "passed": score.passed,
                "value": value,
            }
        return outcome

    def failed(self, recorder: RolloutRecorder, error: Exception) -> dict[str, Any]:
        """Record that a branch failed; give what became of it."""
        message = told(error)
        if recorder.ended is None:
            recorder.fail(message)
        return {"status": "failed", "error": message, "answer": None, "passed": None, "value": None}

    def branch(self, name: str) -> LoggedBranch:
        """Give a branch by its name.

        Raises:
            UserError: There is none.
        """
        known = {each.name: each for each in self.log.branches()}
        if name not in known:
            listed = ", ".join(each.name for each in known.values() if each.kind != "sample")
            raise UserError(f"there is no branch {name!r}; there are: {listed}")
        return known[name]

    def make_branch(
        self,
        name: str,
        *,
        parent: LoggedBranch | None = None,
        upto: int = 0,
        at: int | None = None,
        kind: str = "main",
        group: str | None = None,
        events: Sequence[tuple[str, str, Mapping[str, Any]]] = (),
        contents: Mapping[bytes, bytes] | None = None,
    ) -> tuple[LoggedBranch, RolloutRecorder]:
        """Make a branch and its rollout.

        Raises:
            UserError: There is a branch of this name.
        """
        if any(each.name == name for each in self.log.branches()):
            raise UserError(f"there is a branch {name!r} already; give another name")
        if parent is None:
            events = [("shape", "", outline(self.shape)), *events]
        recorder = self._begin()
        parent_id = None if parent is None else parent.id
        made = self.log.branch(
            name,
            recorder.rollout.id,
            parent=parent_id,
            upto=upto,
            at=at,
            kind=kind,
            group=group,
            events=events,
            contents=contents,
        )
        return made, recorder

    def _begin(self) -> RolloutRecorder:
        self._repeats += 1
        return self.run.begin(self.task, self._repeats - 1)

    def execution(self, branch: LoggedBranch) -> Execution | None:
        """Give the execution of a branch, taken up again where it is not under way; `None` for one that has ended."""
        known = self.executions.get(branch.id)
        if known is not None:
            return known
        if branch.outcome is not None or branch.dropped:
            return None
        rollout = self.run.rollout(branch.rollout)
        if rollout.status in ("done", "failed"):
            self.log.end(branch.id, self._outcome_of(rollout))
            return None
        held = (
            self._taken_up.pop(branch.id) if branch.id in self._taken_up else self.run.resume(branch.rollout)
        )
        return self.execute(branch, held)

    def execute(
        self,
        branch: LoggedBranch,
        recorder: RolloutRecorder,
        *,
        mode: Mode | None = None,
        quiet: bool = False,
    ) -> Execution:
        """Start a branch and wait until it is held or has ended; a quiet one is not waited for."""
        made = Execution(self, branch, recorder, mode=mode, quiet=quiet)
        try:
            check_followed(made.track, self.shape, self.keeper)
        except UserError:
            if all(each.branch != branch.id for each in made.track.visits):
                self.drop(branch)
            raise
        self.executions[branch.id] = made
        self.do(self._started(made, wait=not quiet))
        return made

    async def _started(self, execution: Execution, *, wait: bool) -> None:
        execution.start()
        if wait:
            await execution.gate.settled()

    def track_of(self, branch: LoggedBranch) -> Track:
        """Give the visits of a branch that has ended."""
        track = Track(self.log.path(branch))
        RecordedCalls(self, branch, track)
        return track

    def said_on(self, branch: LoggedBranch) -> list[str]:
        """Give the ids of the turns along the path of a branch."""
        known = self.executions.get(branch.id)
        track = self.track_of(branch) if known is None else known.track
        return [turn for visit in track.visits for turn in visit.turns]

    def take_up(self) -> None:
        """Let the branches that have not ended count again; drop what a killed process left of a resampling.

        Where the graph is not the one of before, that is said on stderr.
        """
        for each in self.log.branches():
            rollout = self.run.rollout(each.rollout)
            dropped = each.dropped or (rollout.error or "").startswith(DROPPED)
            if dropped or (each.kind == "sample" and each.outcome is None):
                self.drop(each)
            elif each.outcome is None and rollout.status not in ("done", "failed"):
                self._taken_up[each.id] = self.run.resume(each.rollout)

        self._compare()

    def _compare(self) -> None:
        """Say what changed in the graph since the session was last opened, and write down what it is now."""
        before, now = self.log.latest_of("shape"), outline(self.shape)
        if before == now:
            return
        self.log.append(self.latest().id, "shape", "", now)
        self.notice = None if before is None else mended(before, now)
        if self.notice is not None:
            print(f"tutelage: {printable(self.notice)}", file=sys.stderr)

    def drop(self, branch: LoggedBranch) -> None:
        """Let a branch and its rollout count no more; harmless when done twice."""
        self.log.drop(branch.id)
        self.run.drop(branch.rollout)

    def latest(self) -> LoggedBranch:
        """Give the branch that somebody did something on last."""
        open_branches = [each for each in self.log.branches() if each.kind != "sample" and not each.dropped]
        return max(open_branches, key=lambda each: self.log.last_of(each.id) or each.id)

    def _outcome_of(self, rollout: Rollout) -> dict[str, Any]:
        """What became of a branch whose end its own log does not tell any more."""
        rows = self.run.scores(rollout.id, "rollout")
        score = next((each.score for each in reversed(rows)), None)
        return {
            "status": rollout.status,
            "answer": rollout.answer,
            "error": rollout.error,
            "passed": None if score is None else score.passed,
            "value": None if score is None else score.value,
        }

    def ruled(self, request: Request, rule: Mapping[str, Any]) -> Request:
        """A request under a rule: a text replaced in its messages, sampling settings changed."""
        if rule.get("sampling"):
            request = replace(request, sampling=changed(request.sampling, rule["sampling"]))
        if rule.get("old") is not None:
            request = replace(request, messages=tuple(_replaced(each, rule) for each in request.messages))
        return request

    def edited(self, request: Request, edit: Mapping[str, Any]) -> Request:
        """A request as a person changed it."""
        if edit.get("messages") is not None:
            request = replace(request, messages=tuple(edit["messages"]), quoted={})
        if edit.get("text") is not None:
            last = {**request.messages[-1], "content": edit["text"]}
            request = replace(request, messages=(*request.messages[:-1], last), quoted={})
        if edit.get("begun"):
            request = replace(request, begun=tuple(edit["begun"]["ids"]))
        if edit.get("sampling"):
            request = replace(request, sampling=changed(request.sampling, edit["sampling"]))
        return request

    def close(self) -> None:
        """Leave every branch where it is and let go of the files."""
        if not self.loop.closed:
            self.loop.finish(self._stop())
        self.log.close()
        self.run.close()
        if self.replayed is not None:
            self.replayed[0].close()

    async def _stop(self) -> None:
        for each in self.executions.values():
            await each.stop()


def _replaced(message: Mapping[str, Any], rule: Mapping[str, Any]) -> Mapping[str, Any]:
    content = message.get("content")
    if not isinstance(content, str):
        return message
    return {**message, "content": content.replace(rule["old"], rule["new"])}
