"""Files of an export: whole or not there, and written while the next rows are made."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import MissingDependency, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["escaped_json", "json_line", "need_arrow", "whole_file", "write_batches"]

ENCODER = json.JSONEncoder(ensure_ascii=False)
ESCAPED = re.compile("[\x85\u2028\u2029\ud800-\udfff]")
"""Lone surrogates, and what some readers of lines take for the end of one."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write; what was written there gets the path when all went well."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def write_batches(batches: Iterable["pa.RecordBatch"], write: Callable[["pa.RecordBatch"], object]) -> None:
    """Write in another thread while the next batch is made; one batch waits at most."""
    with ThreadPoolExecutor(1, "tutelage-export") as writer:
        waiting: Future[object] | None = None
        for batch in batches:
            if waiting is not None:
                waiting.result()
            waiting = writer.submit(write, batch)
        if waiting is not None:
            waiting.result()


def json_line(value: Any) -> bytes:
    """Give plain data as a line of UTF-8."""
    return escaped_json(value).encode() + b"\n"


def escaped_json(value: Any) -> str:
    """Give plain data as JSON in valid Unicode, which every reader of lines takes for one line."""
    text = ENCODER.encode(value)
    return text if text.isascii() else ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def need_arrow() -> None:
    """Check that pyarrow is there.

    Raises:
        MissingDependency: It is not.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            "files of columns need pyarrow: pip install pyarrow (or export JSONL)"
        ) from error
