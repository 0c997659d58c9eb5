"""Where the control socket of a run is: found from the run's path alone, in a directory of its user's own.

The directory is `XDG_RUNTIME_DIR/tutelage` or `/tmp/tutelage-UID`. It must be a real directory (no link), belong to the
user and be closed to everybody else; where that is not so, nothing is offered and nothing is trusted. The socket's name
is a hash of the run's resolved path. Not covered: machines that share a file system; a socket is of one machine.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tutelage.errors import UserError

__all__ = ["LONGEST", "find", "place_for"]

LONGEST = 107
"""Bytes of a socket's path, the closing zero left out (`sun_path` of unix(7))."""
DIGITS = 20


def place_for(run: Path) -> Path:
    """Give the path for a run's socket, its directory made where it is missing.

    Raises:
        UserError: There is no directory that can be trusted, or its path is too long for a socket.
    """
    refusals: list[str] = []
    for folder in _folders():
        try:
            _make(folder)
            path = folder / _name(run)
            if len(os.fsencode(path)) > LONGEST:
                raise UserError(f"{str(folder)!r} is too long a path for a socket (at most {LONGEST} bytes)")
            return path
        except UserError as refusal:
            refusals.append(str(refusal))
    raise UserError("; ".join(refusals))


def find(run: Path) -> Path | None:
    """Give the path of a run's socket, where there is one that can be trusted."""
    for folder in _folders():
        path = folder / _name(run)
        try:
            check(folder)
        except (UserError, OSError):
            continue
        if path.is_socket() and not path.is_symlink():
            return path
    return None


def check(folder: Path) -> None:
    """Make sure that a directory is the user's own and nobody else's.

    Raises:
        UserError: It is not.
        OSError: It is not there.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise UserError(f"{str(folder)!r} is no directory (a link is not followed); remove it")
    if found.st_uid != os.geteuid():
        raise UserError(f"{str(folder)!r} belongs to another user (number {found.st_uid})")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UserError(f"{str(folder)!r} is open to others (chmod 700 closes it)")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        check(folder)
    except OSError as error:
        raise UserError(f"{str(folder)!r} cannot be made: {error.strerror}") from error


def _folders() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        yield Path(runtime) / "tutelage"
    yield Path("/tmp") / f"tutelage-{os.geteuid()}"


def _name(run: Path) -> str:
    return hashlib.sha256(os.fsencode(run.resolve())).hexdigest()[:DIGITS] + ".sock"
