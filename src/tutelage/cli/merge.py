"""`tutelage merge`: the shards that several machines recorded, as one run."""

from pathlib import Path

import click

from tutelage.cli.options import as_json, print_json
from tutelage.cli.output import echo
from tutelage.cli.reporting import report_of
from tutelage.errors import UserError
from tutelage.printable import printable

__all__ = ["command"]


@click.command(name="merge")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
def command(out: Path, runs: tuple[Path, ...], json_: bool) -> None:
    """Bring the rollouts of every RUN together in the run OUT, and report.

    The runs have equal settings but for their tasks, and share no repeat of a task. Merging a run again, or one
    that has grown, adds what is new.

    Example: tutelage merge runs/all machine1/run machine2/run
    """
    from tutelage.traces import Run, merge_runs

    for each in runs:
        if each.resolve() == out.resolve():
            raise UserError(f"{str(out)!r} cannot be merged into itself; name another directory first")
        Run.open(each).close()
    with merge_runs(runs, out) as run:
        if json_:
            print_json({"path": str(out), "shards": len(run.origins()) - 1, **run.summary()})
        else:
            echo(f"{report_of(run)}\nrecorded in {printable(str(out))}")
