"""`attach`: get hold of a batch that runs in another process, by its run's directory.

    with attach("runs/first") as batch:
        print(batch.status())
        batch.break_on("reviewer", verdict="wrong")
        held = batch.wait()
        batch.set("verdict", "right")
        batch.go()

What a client paused, held and set ends with its connection, however that ends, unless it leaves with `close(stay=True)`.
Every method raises `UserError` where the batch refuses and `ControlError` where it is gone. Not covered: other machines.
"""

import itertools
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.graphs.control.address import find
from tutelage.graphs.control.protocol import VERSION, line_of, read_line
from tutelage.graphs.control.reports import BatchStatus, Held, InFlight, Mode
from tutelage.graphs.debugging.breakpoints import Where
from tutelage.graphs.debugging.view import Breakpoint, Route, Visit

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Edit
    from tutelage.graphs.console.reply import Reply
    from tutelage.graphs.control.console import BatchConsole

__all__ = ["Attached", "ControlError", "attach"]

PATIENCE = 15.0
"""Seconds that a batch has for an answer."""


class ControlError(UserError):
    """The batch has ended, or its process is gone; the run can be read, and continued by the same command."""


def attach(run: str | Path) -> "Attached":
    """Attach to the batch that writes a run.

    Args:
        run: The run's directory.

    Raises:
        UserError: Nobody writes it here, or nobody offers control of it.
    """
    path = find(Path(run))
    if path is None:
        raise UserError(
            f"nobody offers control of {str(run)!r} on this machine for this user; is it running, with a directory "
            "and without control=False (--no-control)?"
        )
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        return Attached(connection, str(run))
    except (ConnectionError, FileNotFoundError) as error:
        connection.close()
        raise UserError(
            f"the process that wrote {str(run)!r} is gone; the same command as before continues the run"
        ) from error
    except TimeoutError as error:
        connection.close()
        raise UserError(f"the process that writes {str(run)!r} does not answer") from error
    except BaseException:
        connection.close()
        raise


class Attached:
    """A batch in another process; made by `attach`. One thread drives it; events come in by another."""

    def __init__(self, connection: socket.socket, run: str) -> None:
        """Take over a connection.

        Raises:
            UserError: Something else answers there.
            ConnectionError: The other side left.
        """
        self.run = run
        self.picked: int | None = None
        """The number of the rollout that commands are about."""
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._check(self._lines.readline())
        connection.settimeout(None)
        self._ids = itertools.count(1)
        self._answers: dict[int, Future[Any]] = {}
        self._statuses: queue.SimpleQueue[BatchStatus | None] = queue.SimpleQueue()
        self._held: dict[int, InFlight] = {}
        self._news: deque[InFlight] = deque()
        self._gone: set[int] = set()
        self._last: BatchStatus | None = None
        self._over = False
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._console: BatchConsole | None = None
        threading.Thread(target=self._listen, name="tutelage-attached", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether the batch has ended, or its process is gone."""
        return self._over

    def status(self, *, content: bool = False) -> BatchStatus:
        """Say how far the batch is.

        Args:
            content: Give whole errors, which may hold what a model wrote.
        """
        return BatchStatus.model_validate(self._ask("status", content=content))

    def flights(self, *, content: bool = False) -> list[InFlight]:
        """List the rollouts in flight, in the order in which they began."""
        return [InFlight.model_validate(each) for each in self._ask("flights", content=content)]

    def watch(self, every: float = 1.0) -> Iterator[BatchStatus]:
        """Give the status now and whenever it has changed, until the batch ends; its last status comes last.

        Args:
            every: Seconds between two at least.
        """
        self._ask("watch", every=every)
        try:
            while (status := self._statuses.get()) is not None:
                yield status
        finally:
            if not self._over:
                self._ask("watch", every=None)

    def pause(self, *, now: bool = False, timeout: float | None = 0.0) -> BatchStatus:
        """Let no rollout begin, and hold those in flight before their next node.

        Args:
            now: Hold them at their next model call, too.
            timeout: Seconds to wait until all are held; `None` for as long as it takes.
        """
        self._ask("pause", now=now)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            status = self.status()
            if status.flying == status.held + status.waiting:
                return status
            if deadline is not None and time.monotonic() >= deadline:
                return status
            time.sleep(0.05)

    def resume(self) -> None:
        """End the pause."""
        self._ask("resume")

    def retune(self, concurrency: int) -> None:
        """Want another number of rollouts at once; too many of them end in their own time."""
        self._ask("retune", concurrency=concurrency)

    def stop(self) -> None:
        """End the batch as Ctrl-C does; the same command continues it."""
        self._ask("stop")

    def pick(self, which: int | str, *, timeout: float | None = None) -> InFlight | None:
        """Hold a rollout at its next event, and make it the one that commands are about.

        Args:
            which: Its number, its task's id, the beginning of its id, or "next" for the next that begins.
            timeout: Seconds to wait for that event; `None` for as long as it takes.

        Returns:
            The rollout, held; `None` where it ended before, or the time is over.
        """
        found = self._ask("pick", which=str(which))
        if found is None:
            return self._any(timeout)
        flight = InFlight.model_validate(found)
        self.picked = flight.number
        with self._changed:
            self._gone.discard(flight.number)
        if flight.status == "held":
            return flight
        return self._until(flight.number, flight.stops, timeout)

    def wait(self, timeout: float | None = None) -> InFlight | None:
        """Wait until a breakpoint holds a rollout, and make it the one that commands are about.

        Returns:
            The rollout, held; `None` where the batch ended before, or the time is over.
        """
        return self._any(timeout)

    def look(self, *, outer: int = 0) -> Held:
        """Show the picked rollout with its contents: state, what is about to be sent, what changed.

        Args:
            outer: Give the state so many graphs further out.
        """
        return Held.model_validate(self._ask("look", flight=self._number(), outer=outer))

    def visits(self) -> list[Visit]:
        """List the nodes that the picked rollout has begun, without turns and tokens, which are on record."""
        return [Visit.model_validate(each) for each in self._ask("visits", flight=self._number())]

    def why(self) -> Route:
        """Tell why the picked rollout went on as it did last: the router, what it read, where it led."""
        return Route.model_validate(self._ask("why", flight=self._number()))

    def nodes(self) -> tuple[str, ...]:
        """Give the graph's nodes, inner ones as "outer/inner"."""
        return tuple(self._ask("graph")["nodes"])

    def edges(self) -> dict[str, list[tuple[str, bool]]]:
        """Give where every node leads, and whether a router decides."""
        found = self._ask("graph")["edges"]
        return {name: [(target, routed) for target, routed in each] for name, each in found.items()}

    def step(self, timeout: float | None = None) -> InFlight | None:
        """Let it go on to its next event: before a node, at a model call, after a node.

        Args:
            timeout: Seconds to wait for that; `None` for as long as it takes.

        Returns:
            The rollout, held again; `None` where it ended, or the time is over.
        """
        return self._go("step", None, timeout)

    def next(self, timeout: float | None = None) -> InFlight | None:
        """Let it go on to before the next node of this or an outer graph."""
        return self._go("next", None, timeout)

    def out(self, timeout: float | None = None) -> InFlight | None:
        """Let it go on until the subgraph around the node is left."""
        return self._go("out", None, timeout)

    def until(self, node: str, timeout: float | None = None) -> InFlight | None:
        """Let it go on to before a node."""
        return self._go("until", node, timeout)

    def go(self) -> None:
        """Let it go on; breakpoints may hold it again."""
        self._ask("go", flight=self._number(), mode="continue")

    def set(self, field: str, value: JsonValue) -> None:
        """Change a field of the state: before a node the node sees it, after one the routers do."""
        self._ask("set", flight=self._number(), field=field, value=value)

    def edit_prompt(
        self,
        messages: Sequence[Mapping[str, JsonValue]] | None = None,
        *,
        text: str | None = None,
        sampling: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Change what is about to be sent.

        Args:
            messages: The whole prompt.
            text: The content of its last message only.
            sampling: Settings by name.
        """
        given: JsonValue = None if messages is None else [dict(each) for each in messages]
        number, own = self._number(), None if sampling is None else dict(sampling)
        self._ask("edit_prompt", flight=number, messages=given, text=text, sampling=own)

    def say(self, text: str) -> None:
        """Answer a model call in the model's stead; it is on record as a person's."""
        self._ask("say", flight=self._number(), text=text)

    def answer(self, value: JsonValue) -> None:
        """Answer what the node asks."""
        self._ask("answer", flight=self._number(), value=value)

    def retry(self) -> None:
        """At an error: let the node run again when the rollout goes on."""
        self._ask("retry", flight=self._number())

    def break_on(self, node: str | None = None, **where: Unpack[Where]) -> Breakpoint:
        """Hold every rollout of the batch that meets a condition; the arguments are those of a session's.

        Raises:
            UserError: As in a session, or the condition is a function, which cannot be sent; give a text.
        """
        if callable(where.get("when")):
            raise UserError(
                "a function cannot be sent to a batch; give the condition as a text: when='round > 1'"
            )
        given: dict[str, Any] = {"node": node, **where}
        return Breakpoint.model_validate(self._ask("break_on", **given))

    def breakpoints(self) -> list[Breakpoint]:
        """List the breakpoints of all clients."""
        return [Breakpoint.model_validate(each) for each in self._ask("breakpoints")]

    def change_breakpoint(self, number: int, **changes: Any) -> Breakpoint:
        """Change `enabled`, `when` (a text), `ignore`, `commands` or `temporary` of a breakpoint."""
        return Breakpoint.model_validate(self._ask("change_breakpoint", number=number, changes=changes))

    def clear(self, number: int | None = None) -> None:
        """Remove a breakpoint, or all."""
        self._ask("clear", number=number)

    def close(self, *, stay: bool = False) -> None:
        """Leave.

        Args:
            stay: Let what this client paused, held and set last without it.
        """
        if not self._over:
            with suppress(UserError):
                self._ask("detach", stay=stay)
        if self._console is not None:
            self._console.picked.close()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave at the end of the block."""
        self.close()

    def execute(self, line: str) -> "Reply":
        """Do what a line of text says, and answer for a terminal; see `tutelage.graphs.control.console`."""
        return (self._console or self.console()).execute(line)

    def console(self, edit: "Edit | None" = None) -> "BatchConsole":
        """Give the console that `execute` speaks to, made anew.

        Args:
            edit: Opens an editor; without one `edit` takes its text from the line.
        """
        from tutelage.graphs.console import ConsoleSettings
        from tutelage.graphs.control.console import BatchConsole

        self._console = BatchConsole(self, ConsoleSettings(edit=edit, prompt="(batch) "))
        return self._console

    def _number(self) -> int:
        if self.picked is None:
            raise UserError("no rollout is picked; pick NUMBER holds one (ps lists them)")
        return self.picked

    def _go(self, mode: Mode, node: str | None, timeout: float | None) -> InFlight | None:
        number = self._number()
        with self._changed:
            stops = self._held[number].stops if number in self._held else 0
        self._ask("go", flight=number, mode=mode, node=node)
        return self._until(number, stops, timeout)

    def _until(self, number: int, stops: int, timeout: float | None) -> InFlight | None:
        """Wait until a rollout is held once more than it was, or has ended."""

        def arrived() -> bool:
            held = self._held.get(number)
            return self._over or number in self._gone or (held is not None and held.stops > stops)

        with self._changed:
            self._changed.wait_for(arrived, timeout)
            found = self._held.get(number)
            if found is None or found.stops <= stops:
                return None
            self._news = deque(each for each in self._news if each.number != number)
            return found

    def _any(self, timeout: float | None) -> InFlight | None:
        with self._changed:
            self._changed.wait_for(lambda: self._over or bool(self._news), timeout)
            if not self._news:
                return None
            found = self._news.popleft()
            self.picked = found.number
            return found

    def _ask(self, what: str, **given: JsonValue) -> Any:
        if self._over:
            raise ControlError(f"the batch of {self.run!r} has ended")
        number, answer = next(self._ids), Future[Any]()
        self._answers[number] = answer
        try:
            with self._writing:
                self._connection.sendall(line_of({"id": number, "do": what, "with": given}))
            return answer.result(PATIENCE)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise UserError(f"the process that writes {self.run!r} does not answer") from error
            raise ControlError(f"the process that wrote {self.run!r} is gone") from error
        finally:
            self._answers.pop(number, None)

    def _listen(self) -> None:
        with suppress(OSError, ValueError, UserError), self._lines:
            while line := self._lines.readline():
                self._take(read_line(line))
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._statuses.put(None)
        for answer in list(self._answers.values()):
            with suppress(Exception):
                answer.set_exception(ControlError(f"the batch of {self.run!r} has ended"))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            answer = self._answers.get(message["id"])
            if answer is not None and "error" in message:
                answer.set_exception(UserError(message["error"]))
            elif answer is not None:
                answer.set_result(message.get("ok"))
            return
        if "status" in message:
            self._statuses.put(BatchStatus.model_validate(message["status"]))
            return
        flight = InFlight.model_validate(message["flight"])
        with self._changed:
            if message["event"] == "held":
                self._held[flight.number] = flight
                self._news.append(flight)
            else:
                self._gone.add(flight.number)
                self._held.pop(flight.number, None)
            self._changed.notify_all()

    def _check(self, line: bytes) -> None:
        if not line:
            raise ConnectionError
        hello = read_line(line).get("hello")
        if not isinstance(hello, dict) or hello.get("protocol") != VERSION:
            raise UserError(f"what answers for {self.run!r} is another version; use the same on both sides")
