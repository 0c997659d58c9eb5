"""Commands that read what models were sent and said: prompt, tokens, surprise, costs, parents."""

from typing import TYPE_CHECKING

from tutelage.errors import UserError
from tutelage.graphs.console.command import command
from tutelage.graphs.console.commands.words import none_after, number_of, turn_of
from tutelage.graphs.console.prompt_text import message_lines, pending_lines, prompt_lines
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.styled import Span, block, line
from tutelage.graphs.console.tables import table
from tutelage.graphs.console.token_text import flow, surprising_cells, token_cells, view_line
from tutelage.graphs.console.tree_text import tree_lines

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["COMMANDS"]

PAGE = 32
"""Tokens that are listed at once."""
MOST = 10
"""Surprising tokens that are listed unless told otherwise."""


@command("prompt", group="look", usage="[text] [TURN]", takes=("turn",), words=("text",), repeats=True)
def prompt(console: "Console", rest: str) -> Reply:
    """Show the prompt that waits, or that a turn was sent: every message in full.

    `prompt text` shows it as the model reads it, with the marks of the chat template.
    """
    words = rest.split()
    rendered = bool(words) and words[0] == "text"
    name = " ".join(words[1:] if rendered else words)
    request = None if console.session.stop is None else console.session.stop.request
    if request is not None and not name:
        data = request.model_dump(mode="json")
        if not rendered:
            return Reply((*pending_lines(request), *message_lines(request.messages)), data)
        text, why = request.text, "the engine does not say how it renders this prompt"
    else:
        view = console.session.prompt(turn_of(console, name))
        data = view.model_dump(mode="json")
        if not rendered:
            return Reply(tuple(prompt_lines(view)), data)
        text, why = view.text, view.why or "the text is not known"
    if text is None:
        raise UserError(f"no rendered text: {why}")
    return Reply(tuple(block(text)), data)


@command("tokens", group="look", usage="[TURN] [from N]", takes=("turn",), words=("from",))
def tokens(console: "Console", rest: str) -> Reply:
    """Show what a turn said, token by token: ids, texts, log-probabilities, surprise in bits.

    The text comes first, the more surprising a token the more it stands out.
    """
    words = rest.split()
    first = 0
    if "from" in words:
        place = words.index("from")
        first = number_of("tokens [TURN] [from N]", " ".join(words[place + 1 :]))
        words = words[:place]
    view = console.session.tokens(turn_of(console, " ".join(words)))
    data = view.model_dump(mode="json")
    lines = [view_line(view), *flow(view.tokens)]
    shown = view.tokens[first : first + PAGE]
    lines += table(("place", "id", "token", "logprob", "bits"), [token_cells(each) for each in shown])
    if first + PAGE < len(view.tokens):
        lines.append(line(Span(f"{len(view.tokens) - first - PAGE} more: tokens from {first + PAGE}", "dim")))
    return Reply(tuple(lines), data)


@command("surprise", group="look", usage="[N] [TURN]", takes=("turn",))
def surprise(console: "Console", rest: str) -> Reply:
    """List the most surprising tokens of a turn, with what stands around them."""
    words = rest.split()
    count = number_of("surprise [N] [TURN]", words.pop(0), 1) if words and len(words[0]) < 5 else MOST
    view = console.session.tokens(turn_of(console, " ".join(words)))
    found = view.surprising(count)
    data = [each.model_dump(mode="json") for each in found]
    head = ("place", "id", "token", "bits", "around it")
    lines = [view_line(view), *table(head, [surprising_cells(each, view.tokens) for each in found])]
    return Reply(tuple(lines), data)


@command("costs", group="look")
def costs(console: "Console", rest: str) -> Reply:
    """Show tokens, calls and time by node and role, along this branch."""
    none_after("costs", rest)
    found = console.session.costs()
    rows: list[list[str | Span]] = [
        [
            Span(each.node or "", "node"),
            each.role or "",
            str(each.calls),
            f"{each.prompt_tokens:,}",
            f"{each.completion_tokens:,}",
            "" if each.share is None else f"{100 * each.share:.1f}",
            f"{each.seconds:.2f}",
            "" if each.time_share is None else f"{100 * each.time_share:.1f}",
        ]
        for each in found
    ]
    head = ("node", "role", "calls", "tokens read", "written", "% of tokens", "seconds", "% of time")
    data = [each.model_dump(mode="json") for each in found]
    lines = tuple(table(head, rows))
    return Reply(lines, data) if lines else said("no model was asked yet", data=data)


@command("parents", group="look", usage="[TURN]", takes=("turn",))
def parents(console: "Console", rest: str) -> Reply:
    """Show which solutions and reviews an answer was made from, as a tree, with their scores."""
    found = console.session.parents(turn_of(console, rest))
    return Reply(tuple(tree_lines(found, console.settings.width)), found.model_dump(mode="json"))


COMMANDS = (prompt, tokens, surprise, costs, parents)
