"""`tutelage import`: what others wrote down, as a run."""

from pathlib import Path
from typing import Any

import click

from tutelage.cli.options import as_json, print_json
from tutelage.cli.output import echo
from tutelage.cli.reporting import report_of
from tutelage.printable import printable

__all__ = ["command"]


@click.command(name="import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--store", metavar="RUN", required=True, type=click.Path(path_type=Path), help="The run's directory."
)
@click.option(
    "--format", "format_", metavar="FORMAT", help="chat, solutions or verifiers. [default: by the first line]"
)
@as_json
def command(file: Path, store: Path, format_: Any, json_: bool) -> None:
    """Record the JSON Lines of FILE as a run, or what is new in it since it was imported, and report.

    chat is OpenAI's format of conversations, verifiers its traces.jsonl, solutions questions with solutions.

    Example: tutelage import conversations.jsonl --store runs/theirs
    """
    from tutelage.traces.importing import import_run

    with import_run(file, store, format_) as run:
        if json_:
            print_json({"path": str(store), **run.summary()})
        else:
            echo(f"{report_of(run)}\nrecorded in {printable(str(store))}")
