"""Writing one rollout: turns, candidates and scores as they come, then exactly one end.

Every call is one transaction: when it returns, what it wrote survives the death of the process. A recorder
may be used from any thread and any asyncio task at once. Not covered: scores given later (`Run.score`).
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from sqlite3 import Connection
from typing import Literal, TypeVar

from pydantic import JsonValue, ValidationError

from tutelage.errors import UserError
from tutelage.traces.blobs import Body, put, text_value
from tutelage.traces.database import Database
from tutelage.traces.ids import new_id
from tutelage.traces.record import Candidate, Message, Rollout, ScoreRow, Subject, Turn
from tutelage.traces.writing import encode_turn, insert_candidate, insert_score, insert_turn, json_body
from tutelage.types import Data, Sampling, Score

__all__ = ["RolloutRecorder", "made", "score_row"]

END = "UPDATE rollouts SET status = ?, error = ?, answer = ?, ended = ?, output = ? WHERE seq = ?"

Item = TypeVar("Item")
Record = TypeVar("Record", bound=Data)


class RolloutRecorder:
    """One running rollout; made by `Run.begin`."""

    def __init__(self, database: Database, row: int, rollout: Rollout) -> None:
        """Record into a rollout that exists, given also by its row number."""
        self.rollout = rollout
        """As it began: the task, the repeat and the ids."""
        self._database = database
        self._row = row
        self._lock = threading.Lock()
        self._calls = 0
        self._ended: str | None = None

    def next_call(self) -> int:
        """Take the number of the next model call, from 0; the samples of one call share it."""
        with self._lock:
            self._calls += 1
            return self._calls - 1

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
        node: str | None = None,
        parents: Sequence[str] = (),
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
            messages=messages,
            completion=completion,
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
        self._append(insert_turn, encode_turn(turn))
        return turn

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
        self._append(insert_candidate, candidate)
        return candidate

    def score(self, score: Score, *, subject: Subject = "rollout", subject_id: str | None = None) -> ScoreRow:
        """Record a score of this rollout, or of the candidate or turn with the id `subject_id`.

        Raises:
            UserError: The subject is a candidate or a turn and has no id, or the rollout has ended.
            StoreError: It could not be written.
        """
        row = score_row(self.rollout.id, score, subject, subject_id)
        self._append(insert_score, row)
        return row

    def finish(self, answer: str | None = None, output: object = None) -> None:
        """End the rollout as done.

        Args:
            answer: The final answer; `None` where there is none.
            output: The graph's final state, plain data.

        Raises:
            UserError: The output is not plain data, or the rollout has ended.
            StoreError: It could not be written; the rollout is still running.
        """
        content = None if output is None else json_body(output, f"the output of rollout {self.rollout.id!r}")
        self._end("done", answer=answer, output=content)

    def fail(self, error: str) -> None:
        """End the rollout as failed for good: it counts as finished and is not run again.

        Raises:
            UserError: The rollout has ended.
            StoreError: It could not be written.
        """
        self._end("failed", error=error)

    def abandon(self, error: str) -> None:
        """End the rollout without a result, so that its task is run anew: interrupted, or the engine died.

        Raises:
            UserError: The rollout has ended.
            StoreError: It could not be written.
        """
        self._end("abandoned", error=error)

    def _append(self, insert: Callable[[Connection, int, Item], None], item: Item) -> None:
        with self._database.transaction() as connection:
            self._must_run()
            insert(connection, self._row, item)

    def _end(
        self,
        status: Literal["done", "failed", "abandoned"],
        *,
        error: str | None = None,
        answer: str | None = None,
        output: Body | None = None,
    ) -> None:
        with self._database.reading():
            with self._database.transaction() as connection:
                self._must_run()
                content = None if output is None else put(connection, output)
                values = (status, text_value(error), text_value(answer), time.time(), content, self._row)
                connection.execute(END, values)
            self._ended = status

    def _must_run(self) -> None:
        if self._ended is not None:
            raise UserError(
                f"rollout {self.rollout.id!r} of task {self.rollout.task.id!r} is {self._ended} already; "
                "record everything before its end (a later score: Run.score)"
            )


def score_row(rollout_id: str, score: Score, subject: Subject, subject_id: str | None) -> ScoreRow:
    """Say what a score judges.

    Raises:
        UserError: A candidate or a turn without an id, or no kind of subject that is known.
    """
    if subject_id is None and subject != "rollout":
        raise UserError(f"a score of a {subject!r} needs its subject_id")
    return made(
        ScoreRow, rollout_id=rollout_id, subject=subject, subject_id=subject_id or rollout_id, score=score
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
