"""`tutelage evaluate`: how good a graph, a policy, a model or a run is, and what it has to be measured against."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.appraising import Asked
from tutelage.cli.options import as_json, engine_options, judging_options, print_json, sampling_of, tasks_of
from tutelage.cli.output import echo
from tutelage.cli.subjects import Judging, evaluation_numbers
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.training import Appraisal

__all__ = ["command"]

DIRECTORY = click.Path(path_type=Path, file_okay=False)
EXISTING = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command(name="evaluate")
@click.argument("subject", metavar="SUBJECT")
@click.argument("tasks", required=False)
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Attempts a task.")
@click.option(
    "--out", type=DIRECTORY, help="Write evaluation.json, table.md and page.html there; go on there."
)
@click.option("--model", metavar="MODEL", help="Who speaks in a graph [embedded], and beside a recorded run.")
@click.option("--dial", "dials", multiple=True, metavar="KEY=VALUE", help="A graph's samples, rounds, ...")
@click.option("--baselines/--no-baselines", default=None, help="Equal-token baselines. [default: for graphs]")
@click.option("--repairs", type=click.IntRange(min=0), default=200, show_default=True,
              help="Wrong solutions on which reviews are held against exact ones.")  # fmt: skip
@click.option(
    "--before", type=EXISTING, help="The weights before the training. [default: as the policy says]"
)
@click.option("--forgetting/--no-forgetting", default=None,
              help="Before and after on other families. [default: where the trained ones are known]")  # fmt: skip
@click.option("--other", metavar="TASKS", multiple=True, help="Tasks of families that were not trained on.")
@click.option("--arm", "arms", multiple=True, metavar="KIND=DIR",
              help="A stored evaluation or run: entropy-only, no-curriculum, control, before, baseline.")  # fmt: skip
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
    other: tuple[str, ...],
    **asked: Any,
) -> None:
    """Say how good SUBJECT is on TASKS, and with --out beside everything that it has to be measured against.

    SUBJECT is a graph (one_shot, majority_vote, best_of_k, self_refine, magicore, tutoring, graph:FILE.py:ATTRIBUTE), a
    policy directory, a model, a recorded run, or what an earlier --out wrote.

    Example: tutelage evaluate self_refine arithmetic:3:200:0:heldout --out evaluations/refine
    """
    given = None if tasks is None else tasks_of(tasks)
    sampling = sampling_of(temperature, top_p, max_tokens)
    wanted = Asked(
        subject=subject,
        tasks=given,
        verifier=verifier,
        samples=samples,
        other=[task for each in other for task in tasks_of(each)],
        concurrency=concurrency,
        progress=not quiet,
        settings=settings,
        sampling=sampling,
        **asked,
    )
    if wanted.wants_more():
        _tell(wanted.appraisal(), wanted.out, json_)
        return
    evaluation = Judging(given, verifier, samples, concurrency, not quiet, settings, sampling).of(subject)
    if json_:
        print_json(evaluation_numbers(evaluation))
    else:
        echo(str(evaluation))


def _tell(appraisal: "Appraisal", out: Path | None, json_: bool) -> None:
    if json_:
        print_json(
            {
                **evaluation_numbers(appraisal.subject),
                "figures": [row.model_dump(mode="json") for row in appraisal.rows],
                "missing": list(appraisal.missing),
                "out": None if out is None else str(out),
            }
        )
        return
    echo(str(appraisal))
    if out is not None:
        echo(f"\nwritten to {printable(str(out / 'page.html'))}")
