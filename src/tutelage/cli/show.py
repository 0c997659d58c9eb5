"""`tutelage show`: the report of a recorded run, also while it is being written."""

from pathlib import Path

import click

from tutelage.cli.options import as_json, print_json

__all__ = ["command"]


@click.command(name="show")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@as_json
def command(run: Path, json_: bool) -> None:
    """Report what is recorded in the directory RUN.

    Example: tutelage show runs/refined
    """
    from tutelage.traces import Run

    with Run.open(run) as opened:
        if json_:
            print_json({"path": str(run), **opened.summary()})
        else:
            click.echo(opened.report())
