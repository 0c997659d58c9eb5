"""`tutelage tasks`: tasks as JSON Lines, to look at them or to keep them."""

import click

from tutelage.cli.options import tasks_of
from tutelage.cli.output import echo, escaped_json

__all__ = ["command"]


@click.command(name="tasks")
@click.argument("tasks")
def command(tasks: str) -> None:
    """Print TASKS as JSON Lines, one task a line.

    Example: tutelage tasks arithmetic:3:100:0:heldout > heldout.jsonl
    """
    for task in tasks_of(tasks):
        echo(escaped_json(task.model_dump_json()))
