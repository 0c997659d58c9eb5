"""Reading a file of one JSON object a line, one line at a time, with errors that name the file and the line.

UTF-8, with or without a byte order mark; blank lines are passed over but counted. What Python's reader would
bend in silence is refused: a key that appears twice, `NaN` and `Infinity`, a number beyond a float's range.
Memory is that of the longest line. Not covered: compressed files.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

from tutelage.errors import UserError

__all__ = ["Line", "read_lines"]

LONGEST_LINE = 256 * 2**20
"""Bytes; a longer line means that the file is of another kind."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One object of a file and where it stands."""

    file: Path
    number: int
    """From 1."""
    data: dict[str, Any]

    def error(self, what: str) -> UserError:
        """Make the error that says what is wrong with this line."""
        return UserError(f"{self.file}:{self.number}: {what}")


def read_lines(path: Path) -> Iterator[Line]:
    """Yield every object of a file.

    Raises:
        UserError: The file cannot be read or holds no object, or a line is not UTF-8, not JSON or no object.
    """
    try:
        with path.open("rb") as file:
            yield from _objects(file, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _objects(file: BufferedReader, path: Path) -> Iterator[Line]:
    number = 0
    empty = True
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            raise UserError(
                f"{path}:{number}: the line is longer than {LONGEST_LINE >> 20} MiB; JSON Lines hold one "
                "object a line"
            )
        if number == 1:
            raw = raw.removeprefix(BYTE_ORDER_MARK)
        if not raw.isspace() and raw:
            empty = False
            yield Line(path, number, _object(raw, f"{path}:{number}"))
    if empty:
        raise UserError(f"{path}: the file is empty; it must hold one JSON object a line")


def _object(raw: bytes, where: str) -> dict[str, Any]:
    try:
        data = json.loads(
            raw.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_doubles
        )
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: not JSON: {error.msg} at column {error.colno}; JSON Lines hold one whole object a line"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not usable JSON: {error}") from error
    if not isinstance(data, dict):
        raise UserError(f"{where}: a JSON object is needed, not {type(data).__name__} {str(data)[:40]!r}")
    return data


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {double!r} appears twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text:.40} is beyond the range of a number")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
