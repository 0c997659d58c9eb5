"""`tutelage evaluate`: how often a model or a recorded run is right, with an interval, and at what price."""

import click

from tutelage.cli.options import as_json, engine_options, judging_options, print_json, sampling_of, tasks_of
from tutelage.cli.output import echo
from tutelage.cli.subjects import Judging, evaluation_numbers

__all__ = ["command"]


@click.command(name="evaluate")
@click.argument("subject", metavar="MODEL|RUN")
@click.argument("tasks", required=False)
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Attempts a task.")
@judging_options
@engine_options
@as_json
def command(
    subject: str,
    tasks: str | None,
    samples: int,
    verifier: str | None,
    concurrency: int,
    quiet: bool,
    settings: tuple[str, ...],
    temperature: float | None,
    top_p: float | None,
    max_tokens: int | None,
    json_: bool,
) -> None:
    """Say how often MODEL solves TASKS in one shot, or how often the recorded RUN was right.

    Example: tutelage evaluate embedded arithmetic:3:200:0:heldout --samples 4
    """
    given = None if tasks is None else tasks_of(tasks)
    sampling = sampling_of(temperature, top_p, max_tokens)
    evaluation = Judging(given, verifier, samples, concurrency, not quiet, settings, sampling).of(subject)
    if json_:
        print_json(evaluation_numbers(evaluation))
    else:
        echo(str(evaluation))
