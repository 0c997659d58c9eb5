"""What a client may ask of a batch: the methods of `Operations`, by name, with JSON values as arguments.

Answers hold names, numbers and times; what a model wrote is given only where `content` asks for it and by `look`. Not
covered: who may ask (`Server`), and waiting: what takes time is told by an event.
"""

import asyncio
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

from pydantic import BaseModel, JsonValue, ValidationError, validate_call

from tutelage.agents.rendering import rendered
from tutelage.errors import TutelageError, UserError
from tutelage.graphs.control.desk import Desk
from tutelage.graphs.control.flight import Flight
from tutelage.graphs.control.hold import Hold
from tutelage.graphs.control.meter import Meter
from tutelage.graphs.control.moment import Erring, Moment, Prompting, Questioned
from tutelage.graphs.control.reports import BatchStatus, Held, Mode
from tutelage.graphs.debugging.view import PendingPrompt, Route
from tutelage.graphs.outcome import plain_value
from tutelage.graphs.progress import Tally

__all__ = ["Operations", "Subject", "status_of"]

PATIENCE = 10.0
"""Seconds that the thread of a held rollout has for an answer."""
RENDERING = 2.0
"""Seconds that an engine has to render a prompt."""

Result = TypeVar("Result")


class Subject:
    """The batch that the operations work on: its desk, its counts, and where the run is."""

    def __init__(self, desk: Desk, tally: Tally, meter: Meter, run: str, name: str) -> None:
        """Join them."""
        self.desk = desk
        self.tally = tally
        self.meter = meter
        self.run = run
        self.name = name
        self.clients = 0


class Operations:
    """One client's."""

    def __init__(self, batch: Subject, client: int, watch: Callable[[float | None], None]) -> None:
        """Work for a client.

        Args:
            batch: What there is.
            client: Its number.
            watch: Tells it of the status every so many seconds, or no more.
        """
        self._batch = batch
        self._desk = batch.desk
        self._client = client
        self._watch = watch
        self.stays = False
        """Whether what the client did lasts when it is gone."""

    async def do(self, name: object, given: object) -> JsonValue:
        """Do what is asked.

        Raises:
            TutelageError: It is not known, or cannot be done.
        """
        method = None if not isinstance(name, str) or name.startswith("_") else getattr(self, name, None)
        if method is None or name == "do" or not inspect.iscoroutinefunction(method):
            raise UserError(f"a batch cannot be asked to do {name!r}")
        if not isinstance(given, Mapping):
            raise UserError(f"the arguments of {name!r} are a JSON object")
        try:
            found = await validate_call(method)(**given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise UserError(f"{name}: {place}: {first['msg'].lower()}") from error
        return _plain(found)

    async def status(self, content: bool = False) -> BatchStatus:
        """Say how far the batch is."""
        await self._batch.meter.count()
        return status_of(self._batch, content=content)

    async def flights(self, content: bool = False) -> list[JsonValue]:
        """List what is in flight."""
        return [_plain(each.report(content=content)) for each in self._desk.flights()]

    async def watch(self, every: float | None) -> None:
        """Tell of every change of the status, at most once in so many seconds; `None` ends that."""
        if every is not None and not 0.05 <= every <= 3600:
            raise UserError(f"every={every!r}: give seconds from 0.05 to 3600")
        self._watch(every)

    async def pause(self, now: bool = False) -> None:
        """Let no rollout begin, and hold those in flight."""
        self._desk.pause(now=now, owner=self._client)

    async def resume(self) -> None:
        """End the pause."""
        self._desk.resume()

    async def retune(self, concurrency: int) -> None:
        """Want another number of rollouts at once."""
        if not 1 <= concurrency <= 100_000:
            raise UserError(f"concurrency={concurrency!r}: give a whole number from 1 on")
        self._desk.retune(concurrency)

    async def stop(self) -> None:
        """End the batch as Ctrl-C does."""
        self._desk.stop()

    async def pick(self, which: str) -> JsonValue:
        """Hold a rollout at its next event; "next" names the next that begins."""
        flight = self._desk.take(which, self._client)
        return None if flight is None else _plain(flight.report(content=False))

    async def look(self, flight: int, outer: int = 0) -> Held:
        """Show a held rollout with its contents; its state so many graphs further out."""
        found, hold = self._held(flight)
        moment = hold.moment

        def show() -> Held:
            return Held(
                flight=found.report(content=True),
                stop=hold.stop.model_copy(update={"request": moment.request}),
                state=_plain_state(moment.around(outer)),
                read=_plain_state(moment.read),
                frames=moment.entry.frames,
                changes=moment.changes(),
                waiting=len(found.holds) - 1,
            )

        held = await _done(hold, show)
        if not isinstance(moment, Prompting):
            return held
        request = await _rendered(moment)
        return held.model_copy(update={"stop": held.stop.model_copy(update={"request": request})})

    async def visits(self, flight: int) -> list[JsonValue]:
        """List the nodes that a rollout has begun."""
        return [_plain(each) for each in self._desk.flight(flight).visits()]

    async def why(self, flight: int) -> Route:
        """Tell why a rollout went on as it did last."""
        return self._desk.flight(flight).why()

    async def graph(self) -> dict[str, JsonValue]:
        """Give the graph: its nodes, and where each leads, with whether a router decides."""
        edges = {name: [list(each) for each in found] for name, found in self._desk.shape.edges({}).items()}
        return {"nodes": [*sorted(self._desk.shape.paths)], "edges": cast("JsonValue", edges)}

    async def go(self, flight: int, mode: Mode, node: str | None = None) -> None:
        """Let a held rollout go on."""
        if mode == "until":
            self._desk.breakpoints.check_node(node or "")
        self._desk.flight(flight).go(mode, node)
        self._desk.look_again()

    async def set(self, flight: int, field: str, value: JsonValue) -> None:
        """Change a field of a held rollout's state."""
        await self._change(flight, lambda moment: moment.set(field, value))

    async def edit_prompt(
        self,
        flight: int,
        messages: Sequence[Mapping[str, JsonValue]] | None = None,
        text: str | None = None,
        sampling: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Change what is about to be sent."""

        def edit(moment: Moment) -> str:
            if not isinstance(moment, Prompting):
                raise UserError("nothing is about to be sent here; step to a model call first")
            return moment.edit(messages, text, sampling)

        await self._change(flight, edit)

    async def say(self, flight: int, text: str) -> None:
        """Answer a model call in the model's stead."""

        def say(moment: Moment) -> str:
            if not isinstance(moment, Prompting):
                raise UserError("no model is asked here; step to a model call first")
            return moment.say(text)

        await self._change(flight, say)

    async def answer(self, flight: int, value: JsonValue) -> None:
        """Answer what a node asks."""

        def answer(moment: Moment) -> None:
            if not isinstance(moment, Questioned):
                raise UserError("nothing is asked here")
            moment.answers.append(value)

        await self._change(flight, answer)

    async def retry(self, flight: int) -> None:
        """Let a node that raised run again."""

        def retry(moment: Moment) -> None:
            if not isinstance(moment, Erring):
                raise UserError("nothing went wrong here")
            moment.again = True

        await self._change(flight, retry)

    async def break_on(self, node: str | None = None, **where: JsonValue) -> JsonValue:
        """Hold every rollout that meets a condition; see `tutelage.graphs.debugging.breakpoints.Where`."""
        return _plain(self._desk.break_on(self._client, node=node, **where))

    async def breakpoints(self) -> list[JsonValue]:
        """List the breakpoints."""
        return [_plain(each) for each in self._desk.breakpoints.all()]

    async def change_breakpoint(self, number: int, changes: dict[str, JsonValue]) -> JsonValue:
        """Change `enabled`, `when`, `ignore`, `commands` or `temporary` of a breakpoint."""
        return _plain(self._desk.change_breakpoint(number, changes))

    async def clear(self, number: int | None = None) -> None:
        """Remove a breakpoint, or all."""
        self._desk.clear(number)

    async def detach(self, stay: bool = False) -> None:
        """Leave; what this client paused, held and set ends with it, or stays."""
        self.stays = stay

    def _held(self, number: int) -> tuple[Flight, Hold]:
        flight = self._desk.flight(number)
        for hold in flight.holds:
            hold.owner = self._client
            return flight, hold
        raise UserError(f"rollout {number} is not held; pick {number} holds it at its next event")

    async def _change(self, number: int, change: Callable[[Moment], str | None]) -> None:
        flight, hold = self._held(number)
        words = await _done(hold, lambda: change(hold.moment))
        if words is not None:
            flight.edits.append(words)


def status_of(batch: Subject, *, content: bool) -> BatchStatus:
    """Say how far a batch is."""
    desk, tally = batch.desk, batch.tally
    flights = desk.flights()
    states = [each.status() for each in flights]
    return BatchStatus(
        run=batch.run,
        name=batch.name,
        process=os.getpid(),
        paused=desk.paused is not None,
        total=tally.total,
        done=tally.done,
        failed=tally.failed,
        passed=tally.passed,
        judged=tally.judged,
        flying=len(flights),
        held=states.count("held"),
        waiting=states.count("paused"),
        concurrency=desk.concurrency,
        tokens=batch.meter.tokens,
        speed=batch.meter.speed,
        seconds=tally.elapsed,
        clients=batch.clients,
        passed_by=desk.passed_by,
        failures=tuple((task, whole if content else kind) for task, kind, whole in desk.failures),
    )


async def _done(hold: Hold, action: Callable[[], Result]) -> Result:
    """Do something in the thread of a held rollout.

    Raises:
        TutelageError: The action refuses, or that thread is busy.
    """
    try:
        return await asyncio.wait_for(asyncio.wrap_future(hold.do(action)), PATIENCE)
    except TimeoutError:
        raise UserError("the batch does not answer: one of its nodes keeps the event loop busy") from None
    except TutelageError:
        raise
    except Exception as error:
        raise UserError(f"this cannot be done: {type(error).__name__}: {error}") from error


async def _rendered(moment: Prompting) -> PendingPrompt:
    """What is about to be sent, with its text where the engine can say it."""
    request = moment.request
    with suppress(TutelageError, TimeoutError):
        shown = await asyncio.wait_for(rendered(moment.engine, moment.asked), RENDERING)
        if shown is not None:
            request = request.model_copy(update={"text": shown.text, "token_ids": shown.token_ids})
    return request


def _plain_state(state: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {name: plain_value(value) for name, value in state.items()}


def _plain(value: Any) -> JsonValue:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
