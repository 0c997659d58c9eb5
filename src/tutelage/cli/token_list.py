"""The tokens of a turn: ids, log-probabilities, and their texts where the model's tokenizer is at hand."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tutelage.cli.tables import Column, bold, echo_table, one_line, terminal_width
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.traces import Turn

__all__ = ["print_tokens", "token_numbers"]

COLUMNS = (
    Column("", right=True),
    Column("id", right=True),
    Column("text"),
    Column("log-probability", right=True),
)
NARROW = 80


def print_tokens(turn: "Turn") -> None:
    """Print the ids of the prompt and the tokens of the completion."""
    pieces = _pieces(turn)
    for name, ids in (("prompt", turn.prompt_token_ids), ("completion", turn.completion_token_ids)):
        click.echo(f"\n{bold(f'tokens of the {name}')}")
        if ids is None:
            click.echo("  not on record: the engine of this turn gave none")
        elif name == "prompt":
            shown = [f"{id}{pieces[id]}" for id in ids] if pieces else [str(id) for id in ids]
            click.echo(click.wrap_text(" ".join(shown), terminal_width() or NARROW, "  ", "  "))
        else:
            echo_table(COLUMNS, _rows(turn, ids, pieces))
    if not pieces:
        click.echo(f"\nno tokenizer of {printable(turn.model)} is at hand, so tokens have no texts")


def token_numbers(turn: "Turn") -> dict[str, Any]:
    """The same as plain data."""
    return {
        "prompt_token_ids": turn.prompt_token_ids,
        "completion_token_ids": turn.completion_token_ids,
        "logprobs": turn.logprobs,
    }


def _rows(turn: "Turn", ids: Sequence[int], pieces: "dict[int, str]") -> Iterator[list[str]]:
    for at, id in enumerate(ids):
        logprob = "" if turn.logprobs is None else f"{turn.logprobs[at]:.4f}"
        yield [str(at + 1), str(id), pieces.get(id, ""), logprob]


def _pieces(turn: "Turn") -> dict[int, str]:
    """The text of each id, quoted; nothing where there is no tokenizer."""
    directory = Path(turn.model.partition(":")[2].partition("#")[0])
    file = directory / "tokenizer.json"
    if not file.is_file() or find_spec("tokenizers") is None:
        return {}
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        click.echo(f"tutelage: {printable(f'{str(file)!r} is no tokenizer: {error}')}", err=True)
        return {}
    ids = {*(turn.prompt_token_ids or ()), *(turn.completion_token_ids or ())}
    return {id: f"⟨{one_line(_text(tokenizer, id))}⟩" for id in ids}


def _text(tokenizer: Any, id: int) -> str:
    text = str(tokenizer.decode([id], skip_special_tokens=False))
    return text if text and "\ufffd" not in text else str(tokenizer.id_to_token(id) or "")
