"""`tutelage runs`: which runs there are, and what became of them."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.options import as_json_lines, print_json
from tutelage.cli.output import echo
from tutelage.cli.tables import Column, echo_table
from tutelage.cli.wording import size_text, time_text
from tutelage.errors import TutelageError, UserError
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.traces import Run

__all__ = ["command"]

COLUMNS = (
    Column("run"),
    Column("begun"),
    Column("tasks", right=True),
    Column("done", right=True),
    Column("failed", right=True),
    Column("unfinished", right=True),
    Column("right (95 % interval)", cuttable=True),
    Column("tokens", right=True),
    Column("roles", cuttable=True),
    Column("policies", cuttable=True),
    Column("size", right=True),
)

Numbers = Mapping[str, Any]


@click.command(name="runs")
@click.argument("directory", type=click.Path(path_type=Path), default="runs")
@as_json_lines
def command(directory: Path, json_: bool) -> int:
    """List the runs in and below DIRECTORY (default: runs), the oldest first.

    Tokens are those read and written; ≥ where some are not known. What cannot be read is named on standard
    error with the reason.

    Example: tutelage runs
    """
    if not directory.is_dir():
        raise UserError(f"there is no directory {str(directory)!r}; name the one that your runs are in")
    found: list[Numbers] = []
    broken: list[tuple[Path, str]] = []
    for path, numbers in _numbers(directory):
        if isinstance(numbers, str):
            broken.append((path, numbers))
        else:
            found.append(numbers)
    found.sort(key=lambda numbers: numbers["created"])
    if json_:
        for numbers in [*found, *({"path": str(path), "error": why} for path, why in broken)]:
            print_json(numbers)
    else:
        echo_table(COLUMNS, (_cells(numbers) for numbers in found))
        for path, why in broken:
            named = why if str(path) in why else f"run {str(path)!r} cannot be read: {why}"
            echo(f"tutelage: {printable(named)}", err=True)
    if not found and not broken:
        echo(f"tutelage: there are no runs in or below {str(directory)!r}", err=True)
    return 0 if found else 1


def _numbers(directory: Path) -> Iterator[tuple[Path, Numbers | str]]:
    """Each run's numbers, or why there are none."""
    from tutelage.traces import Run
    from tutelage.traces.finding import runs_below

    for path in runs_below(directory):
        try:
            with Run.open(path) as run:
                yield path, _of(path, run)
        except (TutelageError, OSError, ValueError, sqlite3.Error) as error:
            yield path, str(error)


def _of(path: Path, run: "Run") -> Numbers:
    from tutelage.traces.export.reading import survey

    numbers = run.summary()
    return {
        "path": str(path),
        "id": run.id,
        "created": run.created,
        **numbers,
        "models": list(survey(run).models),
        "policies": list(survey(run).policies),
        "shards": len(run.origins()) - 1,
        "bytes": _bytes(path),
    }


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.glob("run.sqlite*")
    return sum(file.stat().st_size for file in files)


def _cells(numbers: Numbers) -> list[str]:
    rollouts = numbers["rollouts"]
    counts = numbers["tokens"].values()
    tokens = sum(count["prompt"] + count["completion"] for count in counts)
    more = "≥ " if any(count["unknown"] for count in counts) else ""
    return [
        numbers["path"],
        time_text(numbers["created"]).rpartition(":")[0],
        f"{numbers['tasks']:,}",
        *(f"{rollouts[status]:,}" if rollouts[status] else "" for status in ("done", "failed", "running")),
        "; ".join(_share(name, score) for name, score in numbers["scores"].items() if score["scored"]),
        f"{more}{tokens:,}",
        ", ".join(numbers["tokens"]),
        ", ".join(numbers["policies"]),
        size_text(numbers["bytes"]),
    ]


def _share(name: str, score: Mapping[str, Any]) -> str:
    low, high = (100 * bound for bound in score["interval"])
    return f"{100 * score['accuracy']:.1f} % ({low:.1f} to {high:.1f}) {name}"
