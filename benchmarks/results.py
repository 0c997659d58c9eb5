"""`docs/results.md`: each benchmark owns the text between its markers, and nothing else.

<!-- NAME:begin -->
<!-- NAME:end -->
"""

import os
from pathlib import Path

from tutelage.errors import UserError

__all__ = ["RESULTS", "write_section"]

RESULTS = Path(__file__).parent.parent / "docs" / "results.md"


def write_section(path: Path, name: str, text: str) -> None:
    """Replace a benchmark's part of a file; one that has none yet is added at the end.

    Raises:
        UserError: the file holds one of the markers only, or one of them twice.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before = path.read_text("utf-8") if path.exists() else "# Results\n"
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin not in before and end not in before:
        after = f"{before.rstrip()}\n\n{section}\n"
    elif before.count(begin) == before.count(end) == 1 and before.index(begin) < before.index(end):
        after = before[: before.index(begin)] + section + before[before.index(end) + len(end) :]
    else:
        raise UserError(f"{str(path)!r} needs {begin!r} and {end!r} once each, in this order; mend it")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(after, "utf-8")
    os.replace(partial, path)
