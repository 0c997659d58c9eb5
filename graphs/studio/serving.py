"""`studio`: serve runs and sessions on a local page, from a thread of its own.

The page stays at one address while it is open. On this machine alone unless a wider address is asked for, which takes
a token. Not covered: the command (`tutelage.cli.studio`), encryption.
"""

import socket
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tutelage.errors import MissingDependency, UserError
from tutelage.graphs.compiled import AnyGraph
from tutelage.graphs.studio.desk import Desk, StartSession
from tutelage.graphs.studio.library import Library
from tutelage.graphs.studio.security import HEADERS, Access, Gate, is_loopback
from tutelage.tools import Verifier
from tutelage.traces import Run

if TYPE_CHECKING:
    from uvicorn import Server

    from tutelage.graphs.debugging import Session

__all__ = ["PORT", "Studio", "studio"]

PORT = 7437
"""Where the page is found, or the next free one of `TRIED`."""
TRIED = 20
PATIENCE = 10.0
"""Seconds for the server to start, and for its last answers."""


class Studio:
    """A studio that is open; closed by `close`, or at the end of a `with` block."""

    def __init__(self, desk: Desk, access: Access, port: int | None) -> None:
        """Open it; use `studio`."""
        self.desk = desk
        self._access = access
        self._socket = _listening(access.host, port)
        self.port: int = self._socket.getsockname()[1]
        """Where it listens."""
        self._server = _server(desk, access)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="tutelage-studio", daemon=True
        )
        self._thread.start()
        self._await_start()

    @property
    def url(self) -> str:
        """The page's address, with the token where one is asked for."""
        host = self._access.host
        if host in ("0.0.0.0", "::", ""):
            host = "localhost" if self._access.token is None else socket.gethostname()
        name = f"[{host}]" if ":" in host else host
        token = "" if self._access.token is None else f"?token={self._access.token}"
        return f"http://{name}:{self.port}/{token}"

    def open(self) -> None:
        """Show the page in the browser."""
        webbrowser.open(self.url)

    def wait(self) -> None:
        """Wait until it is closed, or Ctrl-C."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """Close it; the sessions that it started are kept. Harmless when done twice."""
        self.desk.closing = True
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._socket.close()
        self.desk.close()

    def __enter__(self) -> Self:
        """Give the studio itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _await_start(self) -> None:
        waited = threading.Event()
        for _ in range(int(PATIENCE / 0.01)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            waited.wait(0.01)
        self.close()
        raise UserError(f"the studio could not be opened at {self._access.host}:{self.port}")


def studio(
    *shown: "Run | Session | str | Path",
    host: str = "127.0.0.1",
    port: int | None = None,
    token: bool = False,
    graph: AnyGraph | None = None,
    verifier: Verifier | None = None,
    store: str | Path | None = None,
    open: bool = False,
) -> Studio:
    """Open runs, and at most one session, on a web page of this machine.

    Args:
        shown: Runs, directories of runs or below which there are some, runs in one file, a session.
        host: Where to listen. Anything but this machine alone asks all who come for a token.
        port: Which port; 0 for any that is free, `None` for the studio's own or the next free one.
        token: Ask for a token on this machine, too (other users of it could read along otherwise).
        graph: What sessions are started with on stored rollouts; without one none can be started.
        verifier: Judges these sessions.
        store: The directory in which these sessions are kept; `None`: in memory.
        open: Show the page in the browser.

    Returns:
        The open studio. `studio(...).wait()` serves until Ctrl-C.

    Raises:
        UserError: There is nothing to show, or the address cannot be listened at.
        StoreError: A run cannot be read.
    """
    start = None if graph is None else _starter(graph, verifier, store)
    desk = desk_of(shown, host=host, token=token, start=start)
    try:
        opened = Studio(desk, Access.of(host, token=token), port)
    except BaseException:
        desk.close()
        raise
    if open:
        opened.open()
    return opened


def desk_of(
    shown: "Sequence[Run | Session | str | Path]", *, host: str, token: bool, start: StartSession | None
) -> Desk:
    """Lay out what is shown."""
    places = [each for each in shown if isinstance(each, str | Path)]
    runs = [each for each in shown if isinstance(each, Run)]
    sessions: list[Any] = [each for each in shown if not isinstance(each, str | Path | Run)]
    if len(sessions) > 1:
        raise UserError("the studio shows one session at a time; open another studio for the other")
    for each in sessions:
        if not hasattr(each, "run_record"):
            raise UserError(f"the studio shows runs, sessions and directories, not {type(each).__name__}")
    library = Library(places, [*runs, *(each.run_record for each in sessions)])
    files = is_loopback(host) and not token
    return Desk(library, session=sessions[0] if sessions else None, start=start, files=files)


def _starter(graph: AnyGraph, verifier: Verifier | None, store: str | Path | None) -> StartSession:
    def start(run: Path, rollout: str) -> "Session":
        from tutelage.graphs.debugging import debug

        kept = None if store is None else Path(store) / rollout
        return debug(graph, run=run, rollout=rollout, verifier=verifier, store=kept)

    return start


def _listening(host: str, port: int | None) -> socket.socket:
    """Take a port, before anything else is begun."""
    tried = range(PORT, PORT + TRIED) if port is None else (port,)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    problem: OSError | None = None
    for each in tried:
        taken = socket.socket(family, socket.SOCK_STREAM)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, each))
            taken.listen(128)
        except (OSError, OverflowError) as error:
            taken.close()
            problem = error if isinstance(error, OSError) else OSError(str(error))
            continue
        return taken
    where = f"{host}:{port}" if port is not None else f"{host}, ports {PORT} to {PORT + TRIED - 1}"
    raise UserError(f"the studio cannot listen at {where}: {problem}")


def _server(desk: Desk, access: Access) -> "Server":
    try:
        from uvicorn import Config, Server

        from tutelage.graphs.studio.routes import application
    except ImportError as error:
        raise MissingDependency(
            "the studio needs starlette and uvicorn: pip install starlette uvicorn"
        ) from error
    config = Config(
        Gate(application(desk), access, headers={}),
        headers=list(HEADERS.items()),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    return Server(config)
