"""`tutelage compare`: is the second better than the first, on the same tasks, and is it more than chance?"""

import click

from tutelage.cli.options import as_json, engine_options, judging_options, print_json, sampling_of, tasks_of
from tutelage.cli.output import echo
from tutelage.cli.subjects import Judging, comparison_numbers

__all__ = ["command"]


@click.command(name="compare")
@click.argument("before", metavar="MODEL|RUN")
@click.argument("after", metavar="MODEL|RUN")
@click.argument("tasks", required=False)
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Attempts a task.")
@judging_options
@engine_options
@as_json
def command(
    before: str,
    after: str,
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
    """Compare two models or recorded runs, paired by task, with an interval and a p-value.

    Models need TASKS to solve; of runs only these tasks are compared.

    Example: tutelage compare runs/one_shot runs/self_refine
    """
    from tutelage.training import compare

    given = None if tasks is None else tasks_of(tasks)
    sampling = sampling_of(temperature, top_p, max_tokens)
    judging = Judging(given, verifier, samples, concurrency, not quiet, settings, sampling)
    comparison = compare(judging.of(before), judging.of(after))
    if json_:
        print_json(comparison_numbers(comparison))
    else:
        echo(str(comparison))
