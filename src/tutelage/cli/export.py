"""`tutelage export`: a data set of a run, in a file that trainers and tools read, and an account of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.formats import print_formats
from tutelage.cli.options import OBJECT, as_json, pairs_of, print_json
from tutelage.cli.output import echo
from tutelage.errors import UserError
from tutelage.objects import load_object
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.agents.token_scorer import TokenScorer
    from tutelage.traces.export import Export

__all__ = ["command"]

PASSED = {"right": True, "wrong": False, "any": None}
OBJECTS = frozenset({"context", "teacher"})
"""Options that may be an object of the user's."""
SUFFIXES = (".parquet", ".jsonl", ".arrow")


@click.command(name="export")
@click.argument("run", metavar="RUN", required=False, type=click.Path(path_type=Path))
@click.option("--to", metavar="FORMAT", help="What to make; --formats lists them.")
@click.option("--out", metavar="FILE", help="FILE.parquet, FILE.jsonl or FILE.arrow; - prints JSON Lines.")
@click.option("--formats", is_flag=True, help="List the formats (with --to: the one) and their options.")
@click.option("--form", help="Which form of the format.")
@click.option("--role", "roles", multiple=True, help="Only turns of this role.")
@click.option("--node", "nodes", multiple=True, help="Only turns of this node.")
@click.option("--policy", "policies", multiple=True, help="Only turns of this policy version.")
@click.option("--verifier", help="Whose scores count.")
@click.option(
    "--passed", type=click.Choice(list(PASSED)), help="Only turns that are right, or wrong; or any."
)
@click.option("--taught", is_flag=True, default=None, help="Only what was taught (tutelage teach).")
@click.option("--context", help="recorded, task, root, last, or FILE.py:FUNCTION of an example.")
@click.option("--per-task", type=click.IntRange(min=1), help="Rows of a task at most.")
@click.option("--balance", help="label, role, node, policy or family: equally many rows of each.")
@click.option("--heldout", metavar="FILE", help="Tasks that no row may repeat (JSON Lines).")
@click.option("--tokenizer", metavar="DIR", help="Check its chat template against the recorded tokens.")
@click.option("--teacher", metavar="DIR", help="The model that distill asks; or FILE.py:OBJECT.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any option of the format.")
@as_json
def command(
    run: Path | None,
    to: str | None,
    out: str | None,
    formats: bool,
    settings: tuple[str, ...],
    passed: str | None,
    json_: bool,
    **flags: Any,
) -> int:
    """Make a data set of RUN and say how many rows were kept, and why not more.

    Example: tutelage export runs/first --to sft --role solver --out solver.parquet
    """
    if formats:
        print_formats(to, json_)
        return 0
    if run is None or to is None:
        raise UserError(
            "give a run and a format, for example: tutelage export runs/first --to sft --out sft.jsonl"
        )
    options = _options(settings, passed, flags)
    _check_out(out, options)
    from tutelage.traces import Run

    with Run.open(run) as opened:
        export = opened.export(to, **options)
        told, numbers = _write(export, out)
        if out == "-":
            echo(printable(export.report()), err=True)
        elif json_:
            print_json({"run": str(run), "format": to, **numbers, **_account(export)})
        else:
            echo(printable(f"{export.report()}\n{told}"))
        return 0 if export.counts.kept else 1


def _options(settings: tuple[str, ...], passed: str | None, flags: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given; none may be given twice."""
    options = pairs_of("--set", settings)
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    if passed is not None:
        given["passed"] = PASSED[passed]
    for key in given:
        if key in options:
            raise UserError(f"--set {key}: it is given a second time, by its own option")
    options |= given
    for key in OBJECTS & options.keys():
        value = options[key]
        if isinstance(value, str) and OBJECT.fullmatch(value):
            options[key] = load_object(value)
        elif key == "teacher" and isinstance(value, str):
            options[key] = _teacher(value)
    return options


def _teacher(directory: str) -> "TokenScorer":
    from tutelage.agents.token_scorer import TokenScorer

    return TokenScorer(directory)


def _check_out(out: str | None, options: Mapping[str, Any]) -> None:
    if out is None and "endpoint" not in options:
        raise UserError(
            "say where the rows go: --out FILE.parquet, FILE.jsonl or FILE.arrow, or - to print them"
        )
    if out not in (None, "-") and Path(str(out)).suffix not in SUFFIXES:
        raise UserError(
            f"--out {out!r}: the end of the name says the form of the file: {', '.join(SUFFIXES)}"
        )


def _write(export: "Export", out: str | None) -> tuple[str, dict[str, Any]]:
    """Write, print or send the rows; tell where to, also as data."""
    if out is None:
        sent = export.send()
        return f"{sent.spans:,} spans sent", {"spans": sent.spans, "requests": sent.requests}
    if out == "-":
        for row in export:
            print_json(next(iter(row.values())) if export.format.document else row)
        return "", {}
    path = Path(out)
    write = {".parquet": export.parquet, ".jsonl": export.jsonl, ".arrow": export.arrow}[path.suffix]
    return f"written to {path}", {"path": str(write(path))}


def _account(export: "Export") -> dict[str, Any]:
    counts, tokens = export.counts, export.tokens
    return {
        "rows": counts.kept,
        "of": counts.of,
        "noun": counts.noun,
        "dropped": dict(counts.dropped),
        "tokens": None if tokens is None else tokens._asdict() | {"lost": tokens.lost},
        "report": export.report(),
    }
