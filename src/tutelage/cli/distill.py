"""`tutelage distill`: train a policy on a run's verified solutions."""

from pathlib import Path

import click

from tutelage.cli.options import as_json, print_json, settings_of
from tutelage.cli.output import echo

__all__ = ["command"]


@click.command(name="distill")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--objective", default="sft", show_default=True)
@click.option("--model", metavar="DIR", help="The directory to train. [default: what spoke in the run]")
@click.option("--out", type=click.Path(path_type=Path), help="The new policy directory. [default: RUN-sft]")
@click.option("--select", "selecting", multiple=True, metavar="KEY=VALUE", help="A setting of the selection.")
@click.option("--train", "training", multiple=True, metavar="KEY=VALUE", help="A setting of the training.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@as_json
def command(
    run: Path,
    objective: str,
    model: str | None,
    out: Path | None,
    selecting: tuple[str, ...],
    training: tuple[str, ...],
    quiet: bool,
    json_: bool,
) -> None:
    """Train on what is right in the recorded RUN, and print the new policy's directory.

    Example: tutelage distill runs/refined --train epochs=1 --select per_task=2
    """
    from tutelage.training import SelectionSettings, SftSettings, distill

    policy = distill(
        run,
        objective,
        model=model,
        out=out,
        selection=settings_of(SelectionSettings, "--select", selecting),
        settings=settings_of(SftSettings, "--train", training),
        progress=not quiet,
    )
    if json_:
        print_json({"policy_directory": str(policy)})
    else:
        echo(str(policy))
