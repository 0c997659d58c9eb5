"""`tutelage upgrade`: a run that an older version wrote, in the present schema."""

from pathlib import Path

import click

from tutelage.cli.options import as_json, print_json
from tutelage.cli.output import echo
from tutelage.printable import printable

__all__ = ["command"]


@click.command(name="upgrade")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@as_json
def command(run: Path, json_: bool) -> None:
    """Give RUN the present schema; its old file is kept beside the new one.

    A run that has the present schema stays as it is.

    Example: tutelage upgrade runs/first
    """
    from tutelage.traces import upgrade_run

    old = upgrade_run(run)
    changed = old.name != "run.sqlite"
    where = printable(str(run))
    if json_:
        print_json({"path": str(run), "upgraded": changed, "old": str(old) if changed else None})
    elif changed:
        echo(f"{where} is upgraded; the old file is {printable(str(old))}")
    else:
        echo(f"{where} has the present schema already")
