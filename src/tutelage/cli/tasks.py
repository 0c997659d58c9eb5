"""`tutelage tasks`: tasks as JSON Lines, to look at them or to keep them, or as tasks of other harnesses."""

from pathlib import Path

import click

from tutelage.cli.options import tasks_of
from tutelage.cli.output import echo, escaped_json
from tutelage.errors import UserError
from tutelage.printable import printable

__all__ = ["command"]


@click.command(name="tasks")
@click.argument("tasks")
@click.option(
    "--harness",
    type=click.Path(path_type=Path),
    metavar="DIR/NAME",
    help="Write NAME.jsonl, NAME.yaml (lm-eval) and NAME.py (Inspect) into DIR instead.",
)
@click.option("--verifier", metavar="NAME", help="With --harness: who judges. [default: as in run]")
def command(tasks: str, harness: Path | None, verifier: str | None) -> None:
    """Print TASKS as JSON Lines, one task a line.

    Example: tutelage tasks arithmetic:3:100:0:heldout > heldout.jsonl
    """
    given = tasks_of(tasks)
    if harness is None:
        if verifier is not None:
            raise UserError("--verifier goes with --harness; tasks alone are not judged")
        for task in given:
            echo(escaped_json(task.model_dump_json()))
        return
    from tutelage.harnesses.task_files import write_task_files

    for file in write_task_files(given, harness.parent, harness.name, verifier):
        echo(printable(str(file)))
