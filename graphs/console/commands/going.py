"""Commands that let the graph go on: step, next, continue, return, until, answer, pause."""

from typing import TYPE_CHECKING

from tutelage.errors import UserError
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import json_or_text, none_after, one_word
from tutelage.graphs.console.reply import Reply, said

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["COMMANDS"]


@command("step", "s", group="go on", repeats=True)
def step(console: "Console", rest: str) -> Reply:
    """Go to the next event of any kind.

    Events are: before a node, at a model call inside it, after a node; also inside subgraphs.
    """
    none_after("step", rest)
    console.session.step()
    return console.arrived()


@command("next", "n", group="go on", repeats=True)
def next_(console: "Console", rest: str) -> Reply:
    """Go to before the next node of this graph or of one around it.

    Model calls and the nodes of subgraphs pass, unless a breakpoint is there.
    """
    none_after("next", rest)
    console.session.next()
    return console.arrived()


@command("continue", "c", "cont", "go", group="go on", repeats=True)
def continue_(console: "Console", rest: str) -> Reply:
    """Go on until a breakpoint, an error, a question or the end."""
    none_after("continue", rest)
    console.session.run()
    return console.arrived()


@command("return", "r", "out", group="go on", repeats=True)
def return_(console: "Console", rest: str) -> Reply:
    """Go on until the subgraph that one is in has been left."""
    none_after("return", rest)
    console.session.out()
    return console.arrived()


@command("until", "unt", group="go on", usage="NODE", repeats=True, takes=("node",))
def until(console: "Console", rest: str) -> Reply:
    """Go on to before a node, once."""
    console.session.until(one_word("until NODE", rest))
    return console.arrived()


@command("answer", group="go on", usage="JSON", verbatim=True)
def answer(console: "Console", rest: str) -> Reply:
    """Answer the question that a node asks, and go on to the next event.

    What is no JSON is taken as a text.
    """
    if not rest.strip():
        raise UserError("give the answer: answer JSON")
    console.session.answer(json_or_text(rest))
    return console.arrived()


@command("retry", group="go on")
def retry(console: "Console", rest: str) -> Reply:
    """Run the node that failed again, or let a graph at its limit of steps take as many again."""
    none_after("retry", rest)
    console.session.retry()
    return console.arrived()


@command("pause", group="go on")
def pause(console: "Console", rest: str) -> Reply:
    """Stop the running graph at its next event; Ctrl-C in a terminal."""
    none_after("pause", rest)
    return said("nothing is running")


COMMANDS = (step, next_, continue_, return_, until, answer, retry, pause)
