"""Reading files of one JSON object a line, with errors that name the file and the line.

UTF-8, with or without a byte order mark; blank lines are passed over but counted. Not covered: compressed
files.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tutelage.errors import TaskFileError

__all__ = ["read_objects"]


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield every object of a file with its line number, counted from 1.

    Raises:
        TaskFileError: the file cannot be read or holds no object, or a line is not UTF-8, not JSON or no
        object.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise TaskFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    empty = True
    for number, line in enumerate(lines, start=1):
        if line.strip():
            empty = False
            yield number, read_object(line, f"{path}:{number}")
    if empty:
        raise TaskFileError(f"{path}: the file is empty; it must hold one JSON object a line")


def read_object(line: bytes, where: str) -> dict[str, object]:
    """The object of one line.

    Raises:
        TaskFileError: the line is not UTF-8, not JSON, or JSON of another kind.
    """
    try:
        data = json.loads(line.decode("utf-8"), parse_constant=refuse_constant)
    except UnicodeDecodeError as error:
        raise TaskFileError(
            f"{where}: byte {error.start + 1} is not UTF-8; save the file as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        raise TaskFileError(f"{where}: not JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise TaskFileError(f"{where}: not usable JSON: {error}") from error
    if not isinstance(data, dict):
        raise TaskFileError(f"{where}: a JSON object is needed, not {type(data).__name__} {str(data)[:40]!r}")
    return data


def refuse_constant(name: str) -> NoReturn:
    """JSON has no `NaN` and no `Infinity`, though Python reads them."""
    raise ValueError(f"{name} is not a JSON number")
