"""An engine that answers from a recorded run: the same words, token ids, log-probabilities, policies, errors.

A rollout's requests are answered by its own record, in recorded order; what equals no recorded call, or comes
out of order, is a `ReplayDivergence`, or goes on live with another engine from there on. Outside a rollout a
request is answered by the next call of equal content in the whole run.

A call that the recorded caller had left (a timeout, a lost race, a stream that was not read to its end) is not
answered to its end either: it waits for its caller to leave it again, as long as the recorded one had waited
and the patience beyond that. A caller that then still waits has left the record.

Not covered: new weights (`reload` is refused), the pieces in which a stream came (it comes as one).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from tutelage.agents.engine import Answer, Engine, Piece, Request
from tutelage.agents.engines.replay_call import ReplayCall, key_of
from tutelage.agents.engines.replay_difference import Differences
from tutelage.agents.engines.replay_record import open_record
from tutelage.agents.rendering import Rendered, rendered
from tutelage.agents.settings import ReplaySettings
from tutelage.errors import ReplayDivergence, UserError
from tutelage.traces import current_recorder

__all__ = ["ReplayEngine"]


class ReplayEngine:
    """An `Engine` over the record of a run."""

    def __init__(self, run: str | Path, settings: ReplaySettings | None = None) -> None:
        """Open a run for replay.

        Args:
            run: The run's directory, or its copy in one file.
            settings: The engine's settings.

        Raises:
            StoreError: There is no run, or it cannot be read.
        """
        self.settings = settings or ReplaySettings()
        self.name = f"replay:{run}"
        self.context_length: int | None = None
        self._record = open_record(run, self.settings.ignore)
        self._closed = False
        self._live: Engine | None = None
        self._owns_live = False
        self.policy = f"replay:{self._record.run.id}"
        """Names the record; every answer carries the recorded policy instead."""

    def go_on_with(self, live: Engine, *, owned: bool) -> None:
        """Let another engine answer a rollout from its first divergence on, instead of stopping there.

        Args:
            live: The engine.
            owned: Whether `close` closes it, too.
        """
        self._live = live
        self._owns_live = owned

    @property
    def went_live(self) -> list[tuple[str, int]]:
        """Task id and repeat of the rollouts that left the record and went on live."""
        return self._record.live

    @property
    def diverged(self) -> list[tuple[str, int]]:
        """Task id and repeat of the rollouts that left the record and did not go on live."""
        return self._record.diverged

    def check(self) -> None:
        """Check that the rollouts replayed so far kept to the record, and asked every call that they have there.

        Rollouts that went on live are not checked.

        Raises:
            ReplayDivergence: One left the record (though nobody may have heard of it, since the graph goes on
                after errors), or some calls were never asked.
        """
        self._record.check()

    async def generate(self, request: Request) -> Answer:
        """Answer from the record, or live after a divergence.

        Raises:
            ReplayDivergence: The record does not hold this request here, and there is no live engine.
            TutelageError: The recorded call failed; the error is the recorded one.
        """
        found = await self._find(request)
        if found is not None:
            call, done = found
            done()
            if not call.left:
                if call.error is not None:
                    raise call.failure()
                return call.answer()
            self._live_or_raise(await self._waited_on(call))
        assert self._live is not None
        return _by(self._live.name, await self._live.generate(request))

    async def stream(self, request: Request) -> AsyncIterator[Piece]:
        """Give the recorded answer in one piece, or stream live after a divergence.

        Raises:
            ReplayDivergence: As for `generate`; never live where the reader reads on beyond the recorded one.
            TutelageError: The recorded call failed, maybe after a beginning.
        """
        found = await self._find(request)
        if found is None:
            assert self._live is not None
            async for piece in self._live.stream(request):
                yield _by(self._live.name, piece)
            return
        call, done = found
        if call.left:
            done()
        try:
            yield call.piece()
        finally:
            done()
        if call.left:
            raise await self._waited_on(call)
        if call.error is not None:
            raise call.failure()

    async def render(self, request: Request) -> Rendered | None:
        """Say what the live engine would read; `None` without one."""
        return None if self._live is None else await rendered(self._live, request)

    def reload(self, directory: Path) -> None:
        """Refuse: a record has no weights.

        Raises:
            UserError: Always.
        """
        raise UserError(
            f"{self.name} answers from a record and cannot take the weights of {str(directory)!r}; connect to "
            "the engine that is to have them."
        )

    def close(self) -> None:
        """Let go of the run, and of a live engine that was started for this one."""
        if self._closed:
            return
        self._closed = True
        self._record.release()
        if self._live is not None and self._owns_live:
            self._live.close()

    async def _find(self, request: Request) -> tuple[ReplayCall, Callable[[], None]] | None:
        """The recorded call that a request means, and how to say that it is answered; `None` to go on live."""
        key = key_of(request, self._record.ignore)
        recorder = current_recorder()
        try:
            if recorder is None:
                return self._record.anywhere(key, request), _nothing
            place = self._record.place(recorder, self.settings.patience)
            index = await place.take(key, request)
        except ReplayDivergence as divergence:
            self._live_or_raise(divergence)
            return None
        return place.call(index), partial(place.done, index)

    def _live_or_raise(self, divergence: ReplayDivergence) -> None:
        """Leave the record for the live engine; without one, stop."""
        if self._live is None:
            raise divergence
        recorder = current_recorder()
        if recorder is not None:
            self._record.place(recorder, self.settings.patience).go_live()

    async def _waited_on(self, call: ReplayCall) -> ReplayDivergence:
        """Wait for the caller to leave; the error where it does not."""
        await asyncio.sleep(call.said.seconds + self.settings.patience)
        recorder = current_recorder()
        if recorder is None:
            return ReplayDivergence(Differences(self._record.where, "outside a rollout", 0).waited_on(call))
        return self._record.place(recorder, self.settings.patience).waited_on(call)


Said = TypeVar("Said", Answer, Piece)


def _by(name: str, said: Said) -> Said:
    """An answer or a piece of a live engine, under its name."""
    return said if said.model else replace(said, model=name)


def _nothing() -> None:
    """Outside a rollout nobody waits for a call to be answered."""
