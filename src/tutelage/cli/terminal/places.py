"""Where the terminal keeps its history, and which start-up files it reads.

Start-up files are lines for the console: `~/.tutelagerc`, then `.tutelagerc` in the working directory if it belongs to
the user and nobody else may write it (a directory from elsewhere must not give commands).
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = ["NAME", "history_file", "startup_files"]

NAME = ".tutelagerc"


def history_file() -> Path | None:
    """Give the file of earlier lines, readable by its owner alone; `None` where there can be none."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(home) / "tutelage" / "debug-history"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        path.chmod(0o600)
    except OSError:
        return None
    return path


def startup_files(home: Path, here: Path) -> Iterator[tuple[Path, str | None]]:
    """Give the start-up files that there are, each with the reason why it is not to be read, if there is one."""
    seen = set()
    for path in (home / NAME, here / NAME):
        if path.is_file() and path.resolve() not in seen:
            seen.add(path.resolve())
            yield path, refusal(path)


def refusal(path: Path) -> str | None:
    """Say why a start-up file is not to be trusted; `None` where it is."""
    for each in (path, path.parent):
        status = each.stat()
        if status.st_uid not in (os.getuid(), *((0,) if each is path.parent else ())):
            return f"{str(each)!r} belongs to another user"
        writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if writable and not (each is path.parent and status.st_mode & stat.S_ISVTX):
            return f"{str(each)!r} can be written by others"
    return None
