"""The control socket of a running batch: a thread that waits for clients of the same user and does what they ask.

While nobody is attached the thread sleeps. A client whose connection ends takes with it what it paused, held and set,
unless it said otherwise; one that does not read is cut off. The socket is removed at the end; one that a killed process
left is replaced. Not covered: Windows, and other users, root included.
"""

import asyncio
import os
import socket
import struct
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from tutelage.errors import TutelageError, UserError
from tutelage.graphs.control.address import place_for
from tutelage.graphs.control.flight import Flight
from tutelage.graphs.control.operations import Operations, Subject, status_of
from tutelage.graphs.control.protocol import LONGEST_LINE, VERSION, line_of, read_line

__all__ = ["Server"]

MOST_UNREAD = 16 << 20
"""Bytes that a client may leave unread."""
GOODBYE = 0.5
"""Seconds that clients have to read the last word."""
CREDENTIALS = struct.Struct("3i")


class Server:
    """Offers control of a batch from `start` until `close`."""

    def __init__(self, batch: Subject, run: Path) -> None:
        """Prepare to offer control of a batch whose run is in this directory."""
        self._batch = batch
        self._run = run
        self._guests: dict[int, Guest] = {}
        self._last = 0
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._socket: socket.socket | None = None
        self._made: tuple[Path, int] | None = None

    def start(self) -> None:
        """Offer control; the socket is there when this returns.

        Raises:
            UserError: There is no place for a socket, or the system has none.
        """
        if not hasattr(socket, "AF_UNIX"):
            raise UserError("this system has no Unix sockets")
        path = place_for(self._run)
        with suppress(FileNotFoundError):
            path.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(path))
            path.chmod(0o600)
            listening.listen(16)
        except OSError as error:
            listening.close()
            raise UserError(f"no socket can be made at {str(path)!r}: {error.strerror}") from error
        self._socket, self._made = listening, (path, path.stat().st_ino)
        _not_in_children(listening)
        self._loop = asyncio.new_event_loop()
        self._batch.desk.listener = self._hear
        self._ready.clear()
        self._thread = threading.Thread(target=self._serve, name="tutelage-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell all clients that the batch is over, and remove the socket; harmless when done twice."""
        if self._thread is None:
            return
        self._batch.desk.listener = None
        self._ready.wait(5)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._thread = None
        if self._made is not None:
            path, inode = self._made
            with suppress(OSError):
                if path.stat().st_ino == inode:
                    path.unlink()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_unix_server(self._attend, sock=self._socket, limit=LONGEST_LINE)
        )
        self._ready.set()
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._farewell())
            server.close()
        finally:
            self._batch.meter.close()
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _farewell(self) -> None:
        """Tell all clients, as far as they read, and let go of their connections."""
        guests = list(self._guests.values())
        for guest in guests:
            guest.send({"event": "over", "status": _dumped(self._batch)})
            guest.writer.close()
        others = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
        if others:
            await asyncio.wait(others, timeout=GOODBYE)
            for guest in guests:
                guest.writer.transport.abort()
            await asyncio.wait(others, timeout=GOODBYE)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not _same_user(writer.get_extra_info("socket")):
            writer.close()
            return
        self._last += 1
        guest = self._guests[self._last] = Guest(self._last, self._batch, writer)
        self._batch.clients = len(self._guests)
        try:
            guest.send({"hello": {"protocol": VERSION, "run": self._batch.run, "process": os.getpid()}})
            await guest.attend(reader)
        finally:
            del self._guests[guest.number]
            self._batch.clients = len(self._guests)
            guest.leave()

    def _hear(self, what: str, flight: Flight) -> None:
        """Tell the client that has a rollout of what happens to it; from any thread."""
        front = next(iter(flight.holds), None)
        owner = front.owner if front is not None else flight.grip.owner if flight.grip else flight.last_owner
        event = {"event": what, "flight": flight.report(content=False).model_dump(mode="json")}
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._pass_on, owner, event)

    def _pass_on(self, owner: int | None, event: dict[str, Any]) -> None:
        guest = self._guests.get(owner or 0)
        if guest is not None:
            guest.send(event)


class Guest:
    """A client that is attached."""

    def __init__(self, number: int, batch: Subject, writer: asyncio.StreamWriter) -> None:
        """Attend to it."""
        self.number = number
        self.writer = writer
        self._batch = batch
        self._operations = Operations(batch, number, self._watch)
        self._watching: asyncio.Task[None] | None = None

    async def attend(self, reader: asyncio.StreamReader) -> None:
        """Do what it asks until it leaves."""
        while True:
            try:
                line = await reader.readline()
            except (ValueError, ConnectionError):
                return
            if not line.endswith(b"\n"):
                return
            await self._answer(line)
            with suppress(ConnectionError):
                await self.writer.drain()

    def send(self, message: dict[str, Any]) -> None:
        """Tell it something; one that does not listen is cut off."""
        if self.writer.transport.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > MOST_UNREAD:
            self.writer.transport.abort()
            return
        self.writer.write(line_of(message))

    def leave(self) -> None:
        """Undo what it did, unless it wants that to stay."""
        if self._watching is not None:
            self._watching.cancel()
        self._batch.desk.leave(self.number, stay=self._operations.stays)
        self.writer.close()

    async def _answer(self, line: bytes) -> None:
        asked: dict[str, Any] = {}
        try:
            asked = read_line(line)
            found = await self._operations.do(asked.get("do"), asked.get("with", {}))
            self.send({"id": asked.get("id"), "ok": found})
        except TutelageError as error:
            self.send({"id": asked.get("id"), "error": str(error)})
        except Exception as error:
            self.send(
                {"id": asked.get("id"), "error": f"this failed inside: {type(error).__name__}: {error}"}
            )

    def _watch(self, every: float | None) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        if every is not None:
            self._watching = asyncio.ensure_future(self._tell_status(every))

    async def _tell_status(self, every: float) -> None:
        before: dict[str, Any] = {}
        while True:
            await self._batch.meter.count()
            now = _dumped(self._batch)
            if {**now, "seconds": 0} != {**before, "seconds": 0}:
                self.send({"event": "status", "status": now})
                before = now
            await asyncio.sleep(every)


def _dumped(batch: Subject) -> dict[str, Any]:
    return status_of(batch, content=False).model_dump(mode="json")


def _same_user(connection: Any) -> bool:
    """Whether a client runs under this process's user; where the system does not say, the directory's mode does."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    _, user, _ = CREDENTIALS.unpack(raw)
    return bool(user == os.geteuid())


def _not_in_children(listening: socket.socket) -> None:
    """Close the socket in forked children, which would keep it alive after this process's death."""
    mine = weakref.ref(listening)

    def close() -> None:
        held = mine()
        if held is not None:
            os.close(held.detach())

    os.register_at_fork(after_in_child=close)
