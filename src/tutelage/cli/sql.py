"""`tutelage sql`: a question to a run in SQL, which can only read."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tutelage.cli.options import as_json_lines, print_json
from tutelage.cli.tables import Column, echo_table
from tutelage.errors import UserError

__all__ = ["command"]

SMALL = 1e-3
"""Numbers below this are shown with all their digits; others with six after the point."""


@click.command(name="sql")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("statement", required=False)
@click.option("--tables", is_flag=True, help="List the views and the tables with their columns.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    help="Seconds that it may take; 0: any.",
)
@as_json_lines
def command(run: Path, statement: str | None, tables: bool, timeout: float, json_: bool) -> None:
    """Ask RUN one STATEMENT of SQLite's SQL that reads; "-" takes it from standard input.

    The views task, rollout, turn, candidate and score have everything that counts as text and numbers; of the
    tables the function content(data) reads a body.

    Example: tutelage sql runs/first "SELECT role, count(*), avg(completion_tokens) FROM turn GROUP BY role"
    """
    from tutelage.traces import Run

    if tables == (statement is not None):
        raise UserError('give a statement, for example "SELECT * FROM turn LIMIT 5", or --tables')
    with Run.open(run) as opened:
        if tables:
            _tables(opened, json_)
            return
        from tutelage.traces.querying import query

        text = sys.stdin.read() if statement == "-" else statement or ""
        with query(opened, text, timeout or None) as found:
            if json_:
                for row in found.rows:
                    print_json({name: _plain(value) for name, value in zip(found.columns, row, strict=True)})
            else:
                columns = [Column(name, cuttable=True) for name in found.columns]
                echo_table(columns, ([_cell(value) for value in row] for row in found.rows))


def _tables(run: Any, json_: bool) -> None:
    from tutelage.traces.querying import relations

    found = relations(run)
    if json_:
        for each in found:
            print_json(each._asdict())
    else:
        columns = (Column("name"), Column("kind"), Column("columns"))
        rows: Iterator[list[str]] = ([each.name, each.kind, ", ".join(each.columns)] for each in found)
        echo_table(columns, rows)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float) and abs(value) >= SMALL:
        return str(round(value, 6))
    return f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    """JSON has no bytes; they are written as SQL writes them."""
    return _cell(value) if isinstance(value, bytes) else value
