"""What was measured once is read from then on, so that a benchmark of hours can be stopped and gone on with.

Not covered: figures of other settings in the same folder.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.learning.processor import processor_seconds

__all__ = ["kept", "measured"]

T = TypeVar("T")


def kept(file: Path, measure: Callable[[], T]) -> T:
    """The JSON value in a file, or what `measure` gives, which is then there."""
    if not file.is_file():
        value = measure()
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.partial")
        partial.write_text(json.dumps(value, indent=1), encoding="utf-8")
        partial.replace(file)
        return value
    found: T = json.loads(file.read_text(encoding="utf-8"))
    return found


def measured(work: Callable[[], object]) -> dict[str, Any]:
    """Do it, and give `minutes` of the processors and `wall_minutes`."""
    started, used = time.monotonic(), processor_seconds()
    work()
    return {
        "minutes": round((processor_seconds() - used) / 60, 1),
        "wall_minutes": round((time.monotonic() - started) / 60, 1),
    }
