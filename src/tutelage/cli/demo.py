"""`tutelage demo`: the whole loop on the embedded model, in a few minutes."""

from functools import partial
from pathlib import Path

import click

from tutelage.cli.options import as_json, print_json
from tutelage.cli.output import echo

__all__ = ["command"]


@click.command(name="demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="runs/demo",
    show_default=True,
    help="Where its runs, policies and page go.",
)
@click.option("--model", metavar="MODEL", default="embedded", show_default=True)
@click.option("--quiet", is_flag=True, help="Show no progress.")
@as_json
def command(out: Path, model: str, quiet: bool, json_: bool) -> None:
    """Solve, review, refine and train with the embedded model, and say whether it got better.

    Example: tutelage demo
    """
    from tutelage.training.demo import run_demo

    try:
        numbers = run_demo(out, model=model, say=partial(echo, err=json_), progress=not quiet)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("what is finished is kept; the same command goes on") from interrupt
    if json_:
        print_json(numbers)
