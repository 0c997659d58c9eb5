"""`tutelage score`: a stored run judged by another verifier, without an engine."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from tutelage.cli.options import as_json, print_json
from tutelage.cli.output import echo
from tutelage.cli.reporting import report_of
from tutelage.tools.naming import READY, verifier_named

__all__ = ["command"]

EVERY = 0.5
"""Seconds between two words of progress."""


@click.command(name="score")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--verifier",
    metavar="NAME",
    required=True,
    help=f"{', '.join(READY)}, reward:DIR, prm:DIR, or MODULE:ATTRIBUTE or FILE.py:ATTRIBUTE.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
@as_json
def command(run: Path, verifier: str, quiet: bool, json_: bool) -> None:
    """Judge the solutions and the candidates of RUN by another verifier, record the scores, and report.

    Nothing is replaced; of scores with the same name the latest counts. All scores are recorded, or none.

    Example: tutelage score runs/first --verifier math_answer
    """
    from tutelage.graphs.rescoring import rescore

    judge = verifier_named(verifier, [])
    with rescore(run, judge, progress=None if quiet else Progress()) as scored:
        numbers: dict[str, Any] = {"path": str(run), "verifier": judge.name, **scored.summary()}
        if json_:
            print_json(numbers)
        else:
            echo(report_of(scored))


class Progress:
    """One line on standard error, on a terminal only."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._next = time.monotonic() + EVERY

    def __call__(self, judged: int, total: int) -> None:
        """Hear how far it is."""
        last = judged == total
        if sys.stderr.isatty() and (time.monotonic() >= self._next or last):
            self._next = time.monotonic() + EVERY
            echo(f"{judged:,} of {total:,} rollouts judged", err=True, nl=last, over=True)
