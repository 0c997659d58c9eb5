"""The tokens of a turn: ids, log-probabilities, and their texts where the model's tokenizer is at hand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.output import echo
from tutelage.cli.tables import Column, bold, echo_table, one_line, terminal_width
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.graphs.debugging.tokens import Token, TokenView
    from tutelage.traces import Turn

__all__ = ["print_tokens", "token_numbers"]

COLUMNS = (
    Column("", right=True),
    Column("id", right=True),
    Column("text"),
    Column("log-probability", right=True),
    Column("surprise in bits", right=True),
)
NARROW = 80
MOST = 3
"""Most surprising tokens that are named."""


def print_tokens(turn: "Turn") -> None:
    """Print the ids of the prompt and the tokens of the completion."""
    from tutelage.graphs.debugging.tokens import token_view

    view = token_view(turn)
    echo(f"\n{bold('tokens of the prompt')}")
    if view.prompt_count is None:
        echo("  not on record: the engine of this turn gave none")
    else:
        shown = " ".join(f"{token.id}{_quoted(token)}" for token in view.prompt)
        echo(click.wrap_text(shown, terminal_width() or NARROW, "  ", "  "))
    echo(f"\n{bold('tokens of the completion')}")
    if view.available:
        echo_table(COLUMNS, _rows(view))
        for line in _sums(view):
            echo(line)
    else:
        echo(f"  {printable(view.why or 'not on record')}")
    if view.available and view.why is not None:
        echo(f"\n{printable(view.why)}")


def token_numbers(turn: "Turn") -> dict[str, Any]:
    """The same as plain data."""
    return {
        "prompt_token_ids": turn.prompt_token_ids,
        "completion_token_ids": turn.completion_token_ids,
        "logprobs": turn.logprobs,
    }


def _rows(view: "TokenView") -> Iterator[list[str]]:
    for token in view.tokens:
        logprob = "" if token.logprob is None else f"{token.logprob:.4f}"
        surprise = "" if token.surprise is None else f"{token.surprise:.2f}"
        id = "" if token.id is None else str(token.id)
        yield [str(token.place + 1), id, _quoted(token), logprob, surprise]


def _sums(view: "TokenView") -> Iterator[str]:
    """The most surprising tokens, and what a token said on average."""
    if view.perplexity is not None and view.bits is not None:
        yield f"\nperplexity {view.perplexity:.3f}, {view.bits:.1f} bits together"
    named = ", ".join(f"{token.place + 1} {_quoted(token)}".strip() for token in view.surprising(MOST))
    if named:
        yield f"most surprising: {named}"


def _quoted(token: "Token") -> str:
    """A token's text; nothing where it is not known, or a later token completes its character."""
    return f"⟨{one_line(token.text)}⟩" if token.text else ""
