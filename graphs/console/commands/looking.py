"""Commands that look and change nothing: where, up, down, list, history, p, pp, args, state, changes, why."""

from typing import TYPE_CHECKING

from tutelage.errors import UserError
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import none_after, number_of
from tutelage.graphs.console.expressions import evaluated
from tutelage.graphs.console.graph_text import graph_lines
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.standing import change_line, path_of
from tutelage.graphs.console.styled import Span, block, brief, line, plain_data, value_lines
from tutelage.graphs.console.tables import table
from tutelage.graphs.console.visit_text import HEAD, visit_cells
from tutelage.nearest import known_names

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console
    from tutelage.graphs.debugging.view import Visit

__all__ = ["COMMANDS"]


@command("where", "w", "bt", group="look", repeats=True)
def where(console: "Console", rest: str) -> Reply:
    """Show the graphs one is in, the outermost first, and where the session stands."""
    none_after("where", rest)
    session = console.session
    looked = {"frames": [each.model_dump(mode="json") for each in session.frames]}
    lines = []
    for depth, frame in enumerate(session.frames):
        name = "/".join((*frame.within, frame.node)) if frame.node else "the graph"
        visit = "" if frame.visit is None else f"  visit {frame.visit}"
        mark = Span("→ " if frame == session.frame else "  ", "heading")
        lines.append(line(mark, "  " * depth, Span(name, "node"), Span(visit, "dim")))
    return said(*lines) + console.stand() + Reply(data=looked)


@command("up", "u", group="look", repeats=True)
def up(console: "Console", rest: str) -> Reply:
    """Look at the state of the graph around this one."""
    none_after("up", rest)
    console.session.up()
    return where.does(console, "")


@command("down", "d", group="look", repeats=True)
def down(console: "Console", rest: str) -> Reply:
    """Look at the state of the subgraph again."""
    none_after("down", rest)
    console.session.down()
    return where.does(console, "")


@command("list", "l", group="look", repeats=True)
def list_(console: "Console", rest: str) -> Reply:
    """Draw the graph: its nodes, their edges, how often each was visited, breakpoints and where one is."""
    none_after("list", rest)
    return graph_lines(console.session)


@command("history", "hist", group="look", repeats=True)
def history(console: "Console", rest: str) -> Reply:
    """List the visits of this branch, with their tokens, times and what they changed."""
    none_after("history", rest)
    visits = console.session.visits()
    lines = table(HEAD, [visit_cells(each) for each in visits])
    return Reply(tuple(lines), [each.model_dump(mode="json") for each in visits])


@command("p", group="look", usage="EXPR", takes=("field",))
def p(console: "Console", rest: str) -> Reply:
    """Show the value of an expression over the state, on one line."""
    value = evaluated(console, rest)
    return said(brief(value, 10 * console.settings.width), data=plain_data(value))


@command("pp", group="look", usage="EXPR", takes=("field",))
def pp(console: "Console", rest: str) -> Reply:
    """Show the value of an expression in full, line by line."""
    value = evaluated(console, rest)
    return Reply(tuple(value_lines(value, indent=0)), plain_data(value))


@command("args", "a", group="look", usage="[VISIT]")
def args(console: "Console", rest: str) -> Reply:
    """Show the state that the current node was given, or that a visit was given."""
    stop = console.session.stop
    if not rest.strip() and stop is None:
        raise UserError("no node is held here; name a visit: args VISIT")
    number = stop.visit.number if stop and not rest.strip() else number_of("args [VISIT]", rest.strip(), 1)
    read = console.session.read(number)
    lines = [
        line(Span(key, "bold"), " = ", brief(value, console.settings.width)) for key, value in read.items()
    ]
    return Reply(tuple(lines), plain_data(read)) if lines else said("it reads nothing", data={})


@command("state", group="look", usage="[FIELD]", takes=("field",))
def state(console: "Console", rest: str) -> Reply:
    """Show the whole state, a field a line; or one field in full."""
    whole = console.session.state
    field = rest.strip()
    if not field:
        width = console.settings.width
        lines = [line(Span(key, "bold"), " = ", brief(value, width)) for key, value in whole.items()]
        return Reply(tuple(lines), plain_data(whole)) if lines else said("the state is empty", data={})
    if field not in whole:
        raise UserError(f"the state has no field {field!r}; {known_names(field, whole)}")
    return Reply(tuple(value_lines(whole[field])), plain_data(whole[field]))


@command("changes", group="look", usage="[VISIT]")
def changes(console: "Console", rest: str) -> Reply:
    """Show what the latest visit changed in the state, or what another one did."""
    number = number_of("changes [VISIT]", rest.strip(), 1) if rest.strip() else None
    found = console.session.changes(number)
    data = [each.model_dump(mode="json") for each in found]
    lines = [change_line(each, console.settings.width) for each in found]
    return said(*lines, data=data) if lines else said("nothing was changed", data=data)


@command("why", group="look", usage="[VISIT]")
def why(console: "Console", rest: str) -> Reply:
    """Tell why the graph went where it went: the router, what it read, what it decided, and its code."""
    number = number_of("why [VISIT]", rest.strip(), 1) if rest.strip() else None
    route = console.session.why(number)
    visit = _visit(console, route.visit)
    routers = f"decided by {', '.join(route.routers)}" if route.routers else "by its edges"
    lines = [
        line(
            "after ",
            Span(path_of(visit) if visit else f"visit {route.visit}", "node"),
            f" (visit {route.visit})",
        ),
        line("  it went to ", Span(", ".join(route.targets), "node"), f", {routers}")
        if route.targets
        else line("  nothing was decided yet; routers run when it goes on"),
        *(line("  read ", Span(key, "bold"), f" = {brief(value)}") for key, value in route.read.items()),
        *(block(route.source.rstrip(), indent=4, style="dim") if route.source else ()),
    ]
    return Reply(tuple(lines), route.model_dump(mode="json"))


def _visit(console: "Console", number: int) -> "Visit | None":
    return next((each for each in console.session.visits() if each.number == number), None)


COMMANDS = (where, up, down, list_, history, p, pp, args, state, changes, why)
