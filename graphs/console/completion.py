"""What the last word of a line may become: commands, nodes, fields, branches and whatever else a command takes."""

from collections.abc import Callable, Iterable, Mapping
from glob import escape, glob
from os.path import expanduser
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.errors import TutelageError
from tutelage.graphs.console.command import Kind
from tutelage.graphs.console.visit_text import DIGITS
from tutelage.printable import printable

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["completions"]

MOST = 200

Words = Callable[["Console", str], Iterable[str]]


def completions(console: "Console", text: str) -> list[str]:
    """Give what may stand for the last word of a line, sorted, whole words.

    Args:
        console: Whose session it is.
        text: The line up to the cursor; what follows a last space is the word.
    """
    words = text.lstrip().split(" ")
    last = words[-1]
    if len(words) == 1:
        return _matching(last, [*console.vocabulary.names(), *console.aliases])
    try:
        command = console.vocabulary.find(words[0])
    except TutelageError:
        return []
    known = [*command.words]
    for kind in command.takes:
        known += WORDS[kind](console, last)
    return _matching(last, known)


def _matching(last: str, known: Iterable[str]) -> list[str]:
    found = sorted({each for each in known if each.startswith(last) and each != last})
    return [each for each in found[:MOST] if printable(each) == each]


def _roles(console: "Console", last: str) -> list[str]:
    session = console.session
    seen = {each.role for each in session.run_record.turns(session.rollout_id)} | set(session.nodes)
    return [*(f"role:{each}" for each in seen), *seen]


def _files(console: "Console", last: str) -> list[str]:
    if not console.settings.files:
        return []
    found = glob(f"{escape(expanduser(last))}*")
    return [f"{each}/" if Path(each).is_dir() else each for each in found[:MOST]]


WORDS: Mapping[Kind, Words] = {
    "alias": lambda console, _: console.aliases,
    "branch": lambda console, _: [each.name for each in console.session.branches() if not each.dropped],
    "breakpoint": lambda console, _: [str(each.number) for each in console.session.breakpoints()],
    "command": lambda console, _: console.vocabulary.names(),
    "field": lambda console, _: console.session.state,
    "file": _files,
    "node": lambda console, _: console.session.nodes,
    "role": _roles,
    "turn": lambda console, _: [turn[-DIGITS:] for turn in console.turns()],
}
