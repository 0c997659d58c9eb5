"""Commands for breakpoints and displays: b, tbreak, clear, disable, enable, ignore, condition, commands, display."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.graphs.console.breakpoint_text import breakpoint_line, wanted
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import number_of, numbers_of
from tutelage.graphs.console.displays import Display
from tutelage.graphs.console.reply import Reply, said

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console
    from tutelage.graphs.debugging.view import Breakpoint

__all__ = ["COMMANDS"]

WHERE = "[before|after|prompt] NODE [role:R] [verdict:V] [error] [tokens > N] [score < X][, CONDITION]"
WORDS = ("before", "after", "prompt", "role:", "verdict:", "error", "tokens >", "score <", "when")


def shown(each: "Breakpoint") -> Reply:
    """Give one breakpoint's line and data."""
    return said(breakpoint_line(each), data=each.model_dump(mode="json"))


@command("break", "b", group="stop at", usage=WHERE, takes=("node", "role"), words=WORDS)
def break_(console: "Console", rest: str) -> Reply:
    """Stop at a node, a role's model call, a verdict, a score, an error, a token count or a condition.

    Alone it lists the breakpoints. Everything that is given must hold. Examples:
    b reviewer
    b after reviewer, verdict == 'wrong' and round > 1
    b role:refiner
    b verdict:wrong
    b error
    b tokens > 1000
    b score < 0.5
    b when len(candidates) > 3
    """
    if rest.strip():
        return shown(console.session.break_on(**wanted(rest)))
    found = console.session.breakpoints()
    data = [each.model_dump(mode="json") for each in found]
    lines = [breakpoint_line(each) for each in found]
    return said(*lines, data=data) if lines else said("there are no breakpoints", data=data)


@command("tbreak", group="stop at", usage=WHERE, takes=("node", "role"), words=WORDS)
def tbreak(console: "Console", rest: str) -> Reply:
    """Stop as break does, once."""
    return shown(console.session.break_on(**wanted(rest), temporary=True))


@command("clear", "cl", group="stop at", usage="[N …]", takes=("breakpoint",))
def clear(console: "Console", rest: str) -> Reply:
    """Take breakpoints away; without a number all of them."""
    if not rest.strip():
        count = len(console.session.breakpoints())
        console.session.clear()
        return said(f"{count} breakpoint{'s' * (count != 1)} taken away")
    for number in numbers_of("clear N", rest):
        console.session.clear(number)
    return said(f"taken away: {rest.strip()}")


@command("disable", group="stop at", usage="N …", takes=("breakpoint",))
def disable(console: "Console", rest: str) -> Reply:
    """Let breakpoints pass until they are enabled again."""
    return each_of(console, "disable N", rest, console.session.disable)


@command("enable", group="stop at", usage="N …", takes=("breakpoint",))
def enable(console: "Console", rest: str) -> Reply:
    """Let breakpoints stop again."""
    return each_of(console, "enable N", rest, console.session.enable)


@command("ignore", group="stop at", usage="N COUNT", takes=("breakpoint",))
def ignore(console: "Console", rest: str) -> Reply:
    """Let a breakpoint's next COUNT hits pass."""
    number, count = split_number("ignore N COUNT", rest)
    return changed(console, number, ignore=number_of("ignore N COUNT", count.strip()))


@command("condition", group="stop at", usage="N [CONDITION]", takes=("breakpoint", "field"))
def condition(console: "Console", rest: str) -> Reply:
    """Give a breakpoint another condition over the state; without one it always stops."""
    number, text = split_number("condition N [CONDITION]", rest)
    return changed(console, number, when=text.strip() or None)


@command("commands", group="stop at", usage="[N]", takes=("breakpoint",))
def commands(console: "Console", rest: str) -> Reply:
    """Give a breakpoint lines to execute at each hit; they follow, up to a line `end`.

    Without a number the latest breakpoint. A first line `silent` leaves out the words of the stop; a line that goes on
    (c, s, n) is the last one executed. No lines take the earlier ones away.
    """
    known = [each.number for each in console.session.breakpoints()]
    if not known:
        raise UserError("there are no breakpoints to give commands to; make one with b")
    number = number_of("commands N", rest.strip(), 1) if rest.strip() else known[-1]
    if number not in known:
        raise UserError(f"there is no breakpoint {number}; there are {', '.join(map(str, known))}")

    def then(lines: Sequence[str]) -> Reply:
        return changed(console, number, commands=tuple(each.strip() for each in lines if each.strip()))

    return console.collect(f"(commands {number}) ", "end", then)


@command("display", group="stop at", usage="[EXPR]", takes=("field",))
def display(console: "Console", rest: str) -> Reply:
    """Show an expression after every stop; alone it shows all of them now."""
    text = rest.strip()
    numbers = list(console.displays)
    if text:
        numbers = [max(console.displays, default=0) + 1]
        console.displays[numbers[0]] = Display(text)
    return said(*(console.displays[each].shown(console, each) for each in numbers))


@command("undisplay", group="stop at", usage="[N …]")
def undisplay(console: "Console", rest: str) -> Reply:
    """Show expressions no more; without a number none of them."""
    for number in numbers_of("undisplay N", rest) if rest.strip() else list(console.displays):
        if console.displays.pop(number, None) is None:
            raise UserError(f"there is no display {number}")
    return Reply()


def each_of(console: "Console", usage: str, rest: str, does: Any) -> Reply:
    """Do something with each breakpoint that is named, and show them."""
    numbers = numbers_of(usage, rest)
    for number in numbers:
        does(number)
    return said(*(breakpoint_line(each) for each in console.session.breakpoints() if each.number in numbers))


def changed(console: "Console", number: int, **fields: Any) -> Reply:
    """Change fields of a breakpoint, and show it."""
    return shown(console.session.change_breakpoint(number, **fields))


def split_number(usage: str, rest: str) -> tuple[int, str]:
    """Give the number at the beginning, and what follows."""
    first, _, then = rest.strip().partition(" ")
    return number_of(usage, first, 1), then


COMMANDS = (
    break_,
    tbreak,
    clear,
    disable,
    enable,
    ignore,
    condition,
    commands,
    display,
    undisplay,
)
