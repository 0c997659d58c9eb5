"""A run as one file: SQLite's own consistent copy, whole or not there at all.

The copy has no log beside it, so it can be sent, put on a read-only disk, and opened where a directory is.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from tutelage.errors import StoreError
from tutelage.traces.database import Database

__all__ = ["copy_to_file"]


def copy_to_file(database: Database, target: Path) -> Path:
    """Copy a database, also while it is written.

    Raises:
        StoreError: The target exists or cannot be written.
    """
    if target.exists():
        raise StoreError(f"{str(target)!r} exists already; name a new file")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _tidy(target)
        with database.reading() as connection:
            _copy(connection, part)
        part.rename(target)
    except OSError as error:
        raise StoreError(f"{str(target)!r} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return target


def _tidy(target: Path) -> None:
    """Take away what copies to this file left when they were killed."""
    start = f".{target.name}."
    for old in target.parent.iterdir():
        process, _, end = old.name.removeprefix(start).partition(".")
        if old.name.startswith(start) and end.startswith("part") and process.isdigit():
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                old.unlink(missing_ok=True)
            except PermissionError:
                continue


def _copy(source: sqlite3.Connection, file: Path) -> None:
    file.touch()
    target = sqlite3.connect(file, isolation_level=None)
    try:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
        target.execute("VACUUM")
    except sqlite3.Error as error:
        raise StoreError(f"a copy in {str(file.parent)!r} cannot be written: {error}") from error
    finally:
        target.close()
    with file.open("rb") as written:
        os.fsync(written.fileno())
