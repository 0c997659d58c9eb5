"""`tutelage show`: the report of a run, the story of one thing in it, or the turns that were asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tutelage.cli.options import as_json_lines, print_json
from tutelage.cli.output import echo
from tutelage.cli.reporting import report_of
from tutelage.errors import UserError

if TYPE_CHECKING:
    from tutelage.traces import Run

__all__ = ["command"]

Command = TypeVar("Command", bound=Callable[..., Any])

PASSED = {"passed": True, "failed": False, None: None}


def filters(command: Command) -> Command:
    """Give a command the options that choose turns."""
    for option in (
        click.option("--limit", type=click.IntRange(min=1), help="So many at most."),
        click.option("--task", "tasks", multiple=True, metavar="ID", help="Turns of this task."),
        click.option("--text", help="Turns that say this, in upper or lower case."),
        click.option("--error", is_flag=True, default=None, help="Turns that hold an error."),
        click.option("--max-score", "most", type=float, metavar="VALUE"),
        click.option(
            "--min-score", "least", type=float, metavar="VALUE", help="Turns of this score or more."
        ),
        click.option("--failed", "passed", flag_value="failed", help="Turns that are wrong."),
        click.option("--passed", "passed", flag_value="passed", help="Turns that are right."),
        click.option("--verifier", metavar="NAME", help="Whose scores count. [default: the run's own]"),
        click.option(
            "--verdict", type=click.Choice(["right", "wrong", "none"]), help="Reviews that say this."
        ),
        click.option("--policy", "policies", multiple=True, help="Turns of this policy version."),
        click.option("--node", "nodes", multiple=True, help="Turns of this node of the graph."),
        click.option("--role", "roles", multiple=True, help="Turns of this role."),
    ):
        command = option(command)
    return command


@click.command(name="show")
@click.argument("target", metavar="RUN|ROW")
@click.argument("id", required=False)
@filters
@click.option("--graph", is_flag=True, help="Draw the turns of the rollouts as trees.")
@click.option("--tokens", is_flag=True, help="With a turn: its tokens and their log-probabilities, too.")
@click.option(
    "--in",
    "directory",
    type=click.Path(path_type=Path),
    default="runs",
    show_default=True,
    help="Where the run of a ROW is looked for.",
)
@as_json_lines
def command(
    target: str,
    id: str | None,
    limit: int | None,
    passed: str | None,
    graph: bool,
    tokens: bool,
    directory: Path,
    json_: bool,
    **chosen: Any,
) -> int:
    """Report what RUN has on record; with an ID tell the whole story of a turn, a rollout or a task.

    An ID is the beginning of an id, or its last digits, as lists show them. ROW is the row_id of an exported
    row, RUN_ID/TURN_ID. With options that choose turns, these are listed, a line each. A turn's score is its
    own: its candidate's, for a review whether it is true, else its rollout's.

    Example: tutelage show runs/refined --role reviewer --verdict wrong
    """
    from tutelage.traces import Run
    from tutelage.traces.finding import row_parts, run_of_row

    given = {key: value for key, value in chosen.items() if value not in (None, ())}
    if passed is not None:
        given["passed"] = PASSED[passed]
    if row_parts(target) is not None and not Path(target).exists():
        if id is not None:
            raise UserError(f"{target!r} is a row, which needs no ID beside it; leave {id!r} out")
        target, id = str(run_of_row(target, directory)), target
    with Run.open(target) as run:
        if id is not None:
            if given or limit is not None:
                raise UserError("options that choose turns are for a whole run; leave the ID out")
            return _one(run, id, graph=graph, tokens=tokens, json_=json_)
        if tokens:
            raise UserError("--tokens shows the tokens of one turn; name it")
        if graph:
            return _trees(run, given, limit, json_)
        if given or limit is not None:
            return _list(run, given, limit, json_)
        _report(run, target, json_)
    return 0


def _report(run: "Run", path: str, json_: bool) -> None:
    if json_:
        print_json({"path": path, **run.summary()})
    else:
        echo(report_of(run))


def _list(run: "Run", given: dict[str, Any], limit: int | None, json_: bool) -> int:
    from tutelage.cli.turn_list import list_turns
    from tutelage.traces.looking import Wanted

    return list_turns(run, Wanted(**given), limit, json_)


def _trees(run: "Run", given: dict[str, Any], limit: int | None, json_: bool) -> int:
    from itertools import islice

    from tutelage.cli.rollout_story import draw
    from tutelage.traces.looking import rollout_ids

    if set(given) - {"tasks"}:
        raise UserError("--graph draws whole rollouts; choose them with --task and --limit only")
    for each in islice(rollout_ids(run, given.get("tasks", ())), limit):
        draw(run, each, json_=json_)
    return 0


def _one(run: "Run", text: str, *, graph: bool, tokens: bool, json_: bool) -> int:
    from tutelage.cli.rollout_story import draw, show_rollout, show_task
    from tutelage.cli.turn_story import show_turn
    from tutelage.traces.finding import find

    kind, id = find(run, text)
    if tokens and kind != "turn":
        raise UserError(f"--tokens shows the tokens of a turn, and {text!r} is a {kind}")
    if graph and kind != "task":
        draw(run, id if kind == "rollout" else run.turn(id).rollout_id, id, json_=json_)
    elif kind == "turn":
        show_turn(run, id, tokens=tokens, json_=json_)
    elif kind == "rollout":
        show_rollout(run, id, json_=json_)
    else:
        show_task(run, id, json_=json_)
    return 0
