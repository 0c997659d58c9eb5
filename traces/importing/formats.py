"""The door of the importers: `import_run` and one function a format.

    import_run("traces.jsonl", "runs/theirs")     the format is guessed from the first line, and said

Not covered: what each format means (`chat`, `solutions`, `verifiers` in this folder).
"""

import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

from tutelage.errors import UserError
from tutelage.traces.importing.chat import chat_rollouts
from tutelage.traces.importing.lines import Line, read_lines
from tutelage.traces.importing.record_file import Importer, record_file
from tutelage.traces.importing.solutions import solution_rollouts
from tutelage.traces.importing.verifiers import verifiers_rollouts
from tutelage.traces.run import Run
from tutelage.traces.store import Store

__all__ = [
    "ImportFormat",
    "guess_format",
    "import_chat",
    "import_run",
    "import_solutions",
    "import_verifiers",
]

ImportFormat = Literal["chat", "solutions", "verifiers"]

IMPORTERS: Mapping[ImportFormat, Importer] = {
    "chat": chat_rollouts,
    "solutions": solution_rollouts,
    "verifiers": verifiers_rollouts,
}
TITLES: Mapping[ImportFormat, str] = {
    "chat": "OpenAI's chat JSONL",
    "solutions": "questions with solutions",
    "verifiers": "traces of verifiers",
}
SIGNS: tuple[tuple[ImportFormat, str], ...] = (
    ("verifiers", "traces"),
    ("verifiers", "nodes"),
    ("chat", "messages"),
    ("solutions", "ground_truth"),
    ("solutions", "solutions"),
    ("solutions", "solution"),
    ("solutions", "answer"),
)
"""A key of the first line and the format that it stands for, in the order of asking."""


def import_run(path: str | Path, store: str | Path | Store, format: ImportFormat | None = None) -> Run:
    """Record a file as a run, or what is new in it where it was recorded before.

    Args:
        path: A file of one JSON object a line.
        store: The run's directory, or an open store, which is taken over.
        format: What the file is; by default guessed from its first line and said on stderr.

    Returns:
        The run, open for reading.

    Raises:
        UserError: The format is unknown, a line cannot be understood (what stands before it is on record, and
            the same call goes on once it is mended), the file's imported lines give other tasks now, or the
            directory holds something else.
        StoreError: The run cannot be written.
    """
    if format is None:
        format, key = _guess(Path(path))
        title = TITLES[format]
        print(f"tutelage: {path} is read as {title} ({format!r}), for its {key!r}", file=sys.stderr)
    if format not in IMPORTERS:
        raise UserError(f"unknown format {format!r}; known are {', '.join(get_args(ImportFormat))}")
    return record_file(path, store, IMPORTERS[format], {"format": format})


def guess_format(path: str | Path) -> ImportFormat:
    """Say what a file is by its first line.

    Raises:
        UserError: It cannot be read, or its first line is of no known format.
    """
    return _guess(Path(path))[0]


def import_chat(path: str | Path, store: str | Path | Store) -> Run:
    """Record conversations in OpenAI's JSONL; see `import_run` and `tutelage.traces.importing.chat`."""
    return import_run(path, store, "chat")


def import_solutions(path: str | Path, store: str | Path | Store) -> Run:
    """Record solutions of questions; see `import_run` and `tutelage.traces.importing.solutions`."""
    return import_run(path, store, "solutions")


def import_verifiers(path: str | Path, store: str | Path | Store) -> Run:
    """Record a `traces.jsonl` of verifiers; see `import_run` and `tutelage.traces.importing.verifiers`."""
    return import_run(path, store, "verifiers")


def _guess(path: Path) -> tuple[ImportFormat, str]:
    lines: list[Line] = list(islice(read_lines(path), 1))
    first: dict[str, Any] = lines[0].data
    for format, key in SIGNS:
        if key in first:
            return format, key
    keys = ", ".join(repr(key) for key in islice(first, 6)) or "none"
    raise lines[0].error(
        f"no known format has these keys: {keys}; name one of {', '.join(IMPORTERS)} as the format"
    )
