"""Writing one rollout: turns, candidates and scores as they come, then exactly one end.

When a method returns, what it wrote survives the death of the process; inside `with recorder.together()` that
holds at the end of the block. A recorder may be used from any thread and any asyncio task at once. Not
covered: scores given later (`Run.score`).
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

from pydantic import JsonValue, ValidationError

from tutelage.errors import UserError
from tutelage.traces.blobs import json_bytes, text_value
from tutelage.traces.calls import Calls, RecordedCall
from tutelage.traces.ids import new_id
from tutelage.traces.journal import Action, Journal
from tutelage.traces.record import Candidate, Message, Rollout, ScoreRow, Subject, Turn
from tutelage.traces.resuming import recall
from tutelage.traces.writing import Rows
from tutelage.types import Data, Sampling, Score

__all__ = ["RolloutRecorder", "made", "score_row"]

END = "UPDATE rollouts SET status = ?, error = ?, answer = ?, ended = ?, output = ? WHERE seq = ?"

Record = TypeVar("Record", bound=Data)


class RolloutRecorder:
    """One running rollout; made by `Run.begin` and `Run.resume`."""

    def __init__(
        self, journal: Journal, row: int, rollout: Rollout, calls: Calls | None = None, next_call: int = 0
    ) -> None:
        """Record into a rollout that exists, given also by its row number.

        Args:
            journal: Writes the run.
            row: The rollout's row number.
            rollout: As it began.
            calls: What is remembered of its turns; `None`: it has none.
            next_call: The number of its next call.
        """
        self.rollout = rollout
        """As it began: the task, the repeat and the ids."""
        self._journal = journal
        self._row = row
        self._lock = threading.Lock()
        self._next = next_call
        self._ended: str | None = None
        self._calls = calls or Calls(row)
        self._held: dict[int, Together] = {}
        self._checks: list[Callable[[], None]] = []

    @property
    def ended(self) -> str | None:
        """How the rollout ended: "done", "failed" or "abandoned"; "left" unfinished here; `None` while it runs."""
        return self._ended

    def next_call(self) -> int:
        """Take the number of the next model call, from 0; the samples of one call share it."""
        with self._lock:
            self._next += 1
            return self._next - 1

    def call(self, call: RecordedCall) -> list[str]:
        """Record a model call with all its completions, at once; give the turns' ids.

        Raises:
            UserError: A value is not what `Turn` asks for, or the rollout has ended.
            StoreError: It could not be written; nothing of it is kept.
        """
        return self._journal.write(self._recording(call))

    async def acall(self, call: RecordedCall) -> list[str]:
        """The same, written together with what other tasks of this event loop write."""
        return await self._journal.awrite(self._recording(call))

    def turn(
        self,
        *,
        role: str,
        messages: Sequence[Message],
        completion: str,
        sampling: Sampling,
        model: str,
        policy: str,
        started: float,
        seconds: float,
        call: int | None = None,
        sample: int = 0,
        samples: int = 1,
        node: str | None = None,
        parents: Sequence[str] = (),
        tools: Sequence[Mapping[str, JsonValue]] = (),
        tool_choice: JsonValue = None,
        tool_calls: Sequence[Mapping[str, JsonValue]] = (),
        author: str | None = None,
        finish_reason: str | None = None,
        prompt_token_ids: Sequence[int] | None = None,
        completion_token_ids: Sequence[int] | None = None,
        logprobs: Sequence[float] | None = None,
        error: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> Turn:
        """Record one sampled answer; see `Turn` for the fields.

        Args:
            call: The call's number from `next_call`; without it the turn is a call of its own.

        Raises:
            UserError: A value is not what `Turn` asks for, or the rollout has ended.
            StoreError: It could not be written; nothing of it is kept.
        """
        turn = made(
            Turn,
            id=new_id(),
            rollout_id=self.rollout.id,
            role=role,
            node=node,
            parents=parents,
            call=self.next_call() if call is None else call,
            sample=sample,
            samples=max(samples, sample + 1),
            messages=messages,
            tools=tools,
            tool_choice=tool_choice,
            completion=completion,
            tool_calls=tool_calls,
            author=author,
            finish_reason=finish_reason,
            prompt_token_ids=prompt_token_ids,
            completion_token_ids=completion_token_ids,
            logprobs=logprobs,
            sampling=sampling,
            model=model,
            policy=policy,
            started=started,
            seconds=seconds,
            error=error,
            metadata=metadata or {},
        )

        def action(rows: Rows) -> tuple[str, ...]:
            self._must_run(rows)
            return self._calls.add_turn(rows, turn)

        found = self._journal.write(action)
        return turn if found == turn.parents else turn.model_copy(update={"parents": found})

    def candidate(
        self,
        text: str,
        *,
        answer: str | None = None,
        parents: Sequence[str] = (),
        turn_id: str | None = None,
        round: int = 0,
    ) -> Candidate:
        """Record a solution under consideration; see `Candidate` for the fields.

        Raises:
            UserError: A value is not what `Candidate` asks for, or the rollout has ended.
            StoreError: It could not be written.
        """
        candidate = made(
            Candidate,
            id=new_id(),
            rollout_id=self.rollout.id,
            text=text,
            answer=answer,
            parents=parents,
            turn_id=turn_id,
            round=round,
        )
        self._append(lambda rows: rows.candidate(self._row, candidate))
        return candidate

    def score(self, score: Score, *, subject: Subject = "rollout", subject_id: str | None = None) -> ScoreRow:
        """Record a score of this rollout, or of the candidate or turn with the id `subject_id`.

        Raises:
            UserError: The subject is a candidate or a turn and has no id, or the rollout has ended.
            StoreError: It could not be written.
        """
        row = score_row(self.rollout.id, score, subject, subject_id)
        self._append(lambda rows: rows.score(self._row, row))
        return row

    async def ascore(
        self, score: Score, *, subject: Subject = "rollout", subject_id: str | None = None
    ) -> None:
        """The same as `score`, written together with what other tasks of this event loop write."""
        row = score_row(self.rollout.id, score, subject, subject_id)

        def action(rows: Rows) -> None:
            self._must_run(rows)
            rows.score(self._row, row)

        await self._journal.awrite(action)

    def follow(self, turn_ids: Sequence[str]) -> None:
        """Go on from turns that other rollouts of the run recorded, in the order in which they were said.

        Parents are found among them where a call names none, and token ids share their beginnings. They stay turns of
        their own rollouts. Not on record: after `Run.resume` it is told again.

        Raises:
            UserError: There is no such turn, or the rollout has ended.
            StoreError: The run cannot be read.
        """

        def action(rows: Rows) -> None:
            self._must_run(rows)
            recall(rows, self._calls, turn_ids)

        self._journal.write(action)

    def leave(self) -> None:
        """Record nothing more here: the rollout stays unfinished, to be taken up by `Run.resume`."""
        self._ended = self._ended or "left"

    def together(self) -> "Together":
        """Write the candidates, scores and the end of a block in one transaction, when the block ends.

        `with recorder.together(): ...`, or `async with` to write together with what other tasks of this event
        loop write. If the block raises, nothing of it is written. Nothing is awaited inside it; what other
        threads record meanwhile is written at once.
        """
        return Together(self)

    def before_finish(self, check: Callable[[], None]) -> None:
        """Ask `check` before the rollout is done; where it raises, the rollout is not."""
        self._checks.append(check)

    def finish(self, answer: str | None = None, output: object = None) -> None:
        """End the rollout as done.

        Args:
            answer: The final answer; `None` where there is none.
            output: The graph's final state, plain data.

        Raises:
            UserError: The output is not plain data, or the rollout has ended.
            StoreError: It could not be written; the rollout is still running.
        """
        for check in self._checks:
            check()
        self._end("done", answer=answer, output=output)

    def fail(self, error: str, output: object = None) -> None:
        """End the rollout as failed for good: it counts as finished and is not run again.

        Args:
            error: Why.
            output: What there is of the graph's final state, plain data.

        Raises:
            UserError: The output is not plain data, or the rollout has ended.
            StoreError: It could not be written.
        """
        self._end("failed", error=error, output=output)

    def abandon(self, error: str) -> None:
        """End the rollout without a result, so that its task is run anew: interrupted, or the engine died.

        Raises:
            UserError: The rollout has ended.
            StoreError: It could not be written.
        """
        self._end("abandoned", error=error)

    def _recording(self, call: RecordedCall) -> Action[list[str]]:
        def action(rows: Rows) -> list[str]:
            self._must_run(rows)
            return self._calls.add(rows, call)

        if call.number is None:
            call.number = self.next_call()
        return action

    def _append(self, action: Action[None]) -> None:
        def checked(rows: Rows) -> None:
            self._must_run(rows)
            action(rows)

        self._do(checked)

    def _do(self, action: Action[None], status: str | None = None) -> None:
        """Write now, or at the end of this thread's block; `status` says that it ends the rollout."""
        block = self._held.get(threading.get_ident())
        if block is None:
            self._journal.write(action)
        else:
            self._refuse_after(block.ended)
            block.hold(action, status)

    def _end(
        self,
        status: Literal["done", "failed", "abandoned"],
        *,
        error: str | None = None,
        answer: str | None = None,
        output: object = None,
    ) -> None:
        what = f"the output of rollout {self.rollout.id!r}"
        raw = None if output is None else json_bytes(output, what)

        def action(rows: Rows) -> None:
            self._must_run(rows)
            content = None if raw is None else rows.body(raw)
            rows.flush()
            values = (status, text_value(error), text_value(answer), time.time(), content, self._row)
            rows.connection.execute(END, values)
            rows.ended[self._row] = status
            rows.then(self._has_ended, status)

        self._do(action, status)

    def _has_ended(self, status: str) -> None:
        self._ended = status

    def _must_run(self, rows: Rows) -> None:
        self._refuse_after(self._ended or rows.ended.get(self._row))

    def _refuse_after(self, status: str | None) -> None:
        if status is not None:
            raise UserError(
                f"rollout {self.rollout.id!r} of task {self.rollout.task.id!r} is {status} already; "
                "record everything before its end (a later score: Run.score)"
            )


class Together:
    """A block whose rows are written at its end; made by `RolloutRecorder.together`."""

    def __init__(self, recorder: RolloutRecorder) -> None:
        """Hold what this thread tells `recorder` from `with` on."""
        self.ended: str | None = None
        """How the rollout ends with this block, if it does."""
        self._recorder = recorder
        self._actions: list[Action[None]] = []
        self._thread = 0

    def hold(self, action: Action[None], status: str | None) -> None:
        """Keep an action for the end of the block."""
        self._actions.append(action)
        self.ended = self.ended or status

    def __enter__(self) -> None:
        """Begin to hold."""
        self._thread = threading.get_ident()
        self._recorder._held[self._thread] = self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write, unless the block raised."""
        del self._recorder._held[self._thread]
        if kind is None:
            self._recorder._journal.write(self._all)

    async def __aenter__(self) -> None:
        """Begin to hold."""
        self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write, unless the block raised."""
        del self._recorder._held[self._thread]
        if kind is None:
            await self._recorder._journal.awrite(self._all)

    def _all(self, rows: Rows) -> None:
        for action in self._actions:
            action(rows)


def score_row(rollout_id: str, score: Score, subject: Subject, subject_id: str | None) -> ScoreRow:
    """Say what a score judges.

    Raises:
        UserError: A candidate or a turn without an id, or no kind of subject that is known.
    """
    if subject_id is None and subject != "rollout":
        raise UserError(f"a score of a {subject!r} needs its subject_id")
    return made(
        ScoreRow,
        rollout_id=rollout_id,
        subject=subject,
        subject_id=subject_id or rollout_id,
        score=score,
        given=time.time(),
    )


def made(kind: type[Record], **fields: object) -> Record:
    """Make a record.

    Raises:
        UserError: A field is not what the record asks for.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its fields"
        raise UserError(f"a {kind.__name__} cannot be recorded: {place}: {first['msg']}") from problem
