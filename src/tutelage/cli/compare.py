"""`tutelage compare`: is one side better than another, on the same tasks, and is it more than chance?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tutelage.cli.options import (
    as_json,
    engine_options,
    exists,
    judging_options,
    print_json,
    sampling_of,
    tasks_of,
)
from tutelage.cli.output import echo
from tutelage.cli.subjects import Judging, comparison_numbers
from tutelage.errors import UserError

if TYPE_CHECKING:
    from tutelage.training import Comparison

__all__ = ["command"]


@click.command(name="compare")
@click.argument("sides", nargs=-1, required=True, metavar="BEFORE AFTER... [TASKS]")
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Attempts a task.")
@click.option("--other", metavar="TASKS", multiple=True, help="Also on tasks that were not trained on.")
@judging_options
@engine_options
@as_json
def command(
    sides: tuple[str, ...],
    samples: int,
    other: tuple[str, ...],
    verifier: str | None,
    concurrency: int,
    quiet: bool,
    settings: tuple[str, ...],
    temperature: float | None,
    top_p: float | None,
    max_tokens: int | None,
    json_: bool,
) -> None:
    """Compare models, recorded runs or stored evaluations with the first, paired by task, with intervals and p-values.

    Models need TASKS to solve; of runs and stored evaluations only these tasks are compared.

    Example: tutelage compare runs/one_shot runs/self_refine
    """
    names, tasks = _split(sides)
    sampling = sampling_of(temperature, top_p, max_tokens)
    progress = not quiet

    def judged(given: str | None) -> "list[Comparison]":
        asked = None if given is None else tasks_of(given)
        judging = Judging(asked, verifier, samples, concurrency, progress, settings, sampling)
        return _against_first(judging, names)

    found = judged(tasks)
    forgotten = [comparison for each in other for comparison in judged(each)]
    if json_:
        first, *rest = map(comparison_numbers, found)
        more = {"others": rest} if rest else {}
        told = {"forgetting": [comparison_numbers(each) for each in forgotten]} if forgotten else {}
        print_json({**first, **more, **told})
    else:
        corrected = [_corrected(found)] if len(found) > 1 else []
        parts = [*map(str, found), *corrected, *(f"not trained on\n{each}" for each in forgotten)]
        echo("\n\n".join(parts))


def _corrected(found: "list[Comparison]") -> str:
    from tutelage.training import holm
    from tutelage.training.tables import p_text

    p_values = holm([each.p_value for each in found])
    told = ", ".join(f"{each.after.name} {p_text(p)}" for each, p in zip(found, p_values, strict=True))
    return f"p-values corrected for {len(found)} comparisons (Holm): {told}"


def _split(sides: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """The sides, and the tasks where the last argument names some.

    Raises:
        UserError: there are fewer than two sides.
    """
    if len(sides) > 2 and _is_tasks(sides[-1]):
        return sides[:-1], sides[-1]
    if len(sides) < 2:
        raise UserError(f"there is only {sides[0]!r} to compare; give two sides at least")
    return sides, None


def _is_tasks(text: str) -> bool:
    from tutelage.tools import FAMILIES

    return text.partition(":")[0] in FAMILIES or (exists(text) and Path(text).is_file())


def _against_first(judging: Judging, names: tuple[str, ...]) -> "list[Comparison]":
    from tutelage.training import Comparison

    first, *rest = (judging.of(name) for name in names)
    return [Comparison.of(first, each) for each in rest]
