"""`tutelage copy`: a run as one file, to send it or to keep it."""

from pathlib import Path

import click

from tutelage.cli.options import as_json, print_json
from tutelage.cli.output import echo
from tutelage.cli.wording import size_text
from tutelage.printable import printable

__all__ = ["command"]


@click.command(name="copy")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def command(run: Path, file: Path, json_: bool) -> None:
    """Copy RUN into the new FILE, also while it is being written.

    Wherever a RUN is read, FILE will do.

    Example: tutelage copy runs/first first.sqlite
    """
    from tutelage.traces import Run

    with Run.open(run) as opened:
        made = opened.copy(file)
    size = made.stat().st_size
    if json_:
        print_json({"path": str(made), "bytes": size})
    else:
        echo(f"{printable(str(made))}: {size_text(size)}")
