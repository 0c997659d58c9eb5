"""`tutelage run`: a graph over many tasks, recorded; the same command continues it."""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.graphs import METHODS, Dials, Setting, graph_dials, planned
from tutelage.cli.models import model_of
from tutelage.cli.options import as_json, engine_options, judging_options, print_json, sampling_of, tasks_of
from tutelage.cli.output import echo
from tutelage.cli.reporting import report_of
from tutelage.printable import printable
from tutelage.tools.naming import verifier_named

if TYPE_CHECKING:
    from tutelage.traces import Run

__all__ = ["command"]


@click.command(name="run")
@click.argument("tasks")
@click.option(
    "--graph",
    default="one_shot",
    show_default=True,
    help=f"{', '.join(METHODS)}; or a graph or function of the model: MODULE:ATTRIBUTE or FILE.py:ATTRIBUTE.",
)
@click.option("--model", "spec", metavar="MODEL", default="embedded", show_default=True)
@click.option("--store", type=click.Path(path_type=Path), help="The run's directory. [default: runs/TIME]")
@graph_dials
@click.option("--repeats", type=click.IntRange(min=1), default=1, show_default=True, help="Rollouts a task.")
@click.option("--control/--no-control", default=True, help="Let `tutelage debug --attach` reach the run.")
@judging_options
@engine_options
@as_json
def command(
    tasks: str,
    graph: str,
    spec: str,
    store: Path | None,
    repeats: int,
    control: bool,
    verifier: str | None,
    concurrency: int,
    quiet: bool,
    settings: tuple[str, ...],
    temperature: float | None,
    top_p: float | None,
    max_tokens: int | None,
    json_: bool,
    **dials: Any,
) -> int:
    """Run a graph over TASKS, record everything, and report.

    Example: tutelage run arithmetic:3:100:0 --graph self_refine --store runs/refined
    """
    from tutelage.graphs import rollout

    given = tasks_of(tasks)
    judge = verifier_named(verifier, given)
    directory = store or Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    chosen = Dials(**dials)
    plan = planned(graph, chosen)
    try:
        with model_of(spec, settings, sampling_of(temperature, top_p, max_tokens)) as model:
            run = rollout(
                plan(Setting(model, judge, given, chosen, directory)),
                given,
                verifier=judge,
                store=directory,
                repeats=repeats,
                concurrency=concurrency,
                progress=not quiet,
                control=control,
            )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(_how_to_continue(directory, store is None)) from interrupt
    with run:
        return _report(run, json_)


def _report(run: "Run", json_: bool) -> int:
    """Print what became of it; 1 where no rollout came to its end."""
    numbers = run.summary()
    if json_:
        print_json({"path": str(run.path), **numbers})
    else:
        echo(f"{report_of(run)}\nrecorded in {printable(str(run.path))}")
    if numbers["rollouts"]["done"]:
        return 0
    first = next(iter(run.rollouts("failed")), None)
    reason = printable(first.error or "") if first else "unknown"
    echo(f"tutelage: every rollout failed; the first: {reason}", err=True)
    return 1


def _how_to_continue(directory: Path, unnamed: bool) -> str:
    if not directory.exists():
        return "nothing was recorded yet"
    arguments = [*sys.argv[1:], *(["--store", str(directory)] if unnamed else [])]
    return f"what is finished is kept; go on with: tutelage {shlex.join(arguments)}"
