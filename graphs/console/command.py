"""`Command`: one thing that can be typed, declared beside the function that does it.

`@command(...)` makes one from a function `(console, rest) -> Reply`; the function's docstring is the command's help,
its first sentence the line in the list of all. Not covered: finding a command by what was typed (`Vocabulary`).
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tutelage.graphs.console.reply import Reply

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["GROUPS", "Command", "Does", "Group", "Kind", "command"]

Group: TypeAlias = Literal["batch", "go on", "look", "stop at", "change", "branches", "teach", "console"]
GROUPS: tuple[Group, ...] = ("batch", "go on", "look", "stop at", "change", "branches", "teach", "console")
"""In the order of `help`."""

Kind: TypeAlias = Literal["alias", "branch", "breakpoint", "command", "field", "file", "node", "role", "turn"]
"""What a word of a command may be, for completion."""

Does: TypeAlias = "Callable[[Console, str], Reply]"
"""Does a command, given what stands after its name."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something that can be typed."""

    names: tuple[str, ...]
    """The whole name first, then the short ones."""
    usage: str
    about: str
    """Help, its first sentence by itself understandable."""
    group: Group
    does: Does
    repeats: bool = False
    """Whether an empty line after it does it again."""
    takes: tuple[Kind, ...] = ()
    words: tuple[str, ...] = ()
    """Fixed words that may stand in it, for completion."""
    verbatim: bool = False
    """Whether what follows the name is free text, in which `;;` parts no commands."""

    @property
    def name(self) -> str:
        """The whole name."""
        return self.names[0]

    @property
    def summary(self) -> str:
        """The first sentence of its help, without its full stop."""
        return self.about.split("\n\n")[0].replace("\n", " ").removesuffix(".")


def command(
    *names: str,
    group: Group,
    usage: str = "",
    repeats: bool = False,
    takes: tuple[Kind, ...] = (),
    words: tuple[str, ...] = (),
    verbatim: bool = False,
) -> Callable[[Does], Command]:
    """Make a command of the function below.

    Args:
        names: The whole name, then short ones.
        group: Where `help` lists it.
        usage: What may follow the name.
        repeats: Whether an empty line does it again.
        takes: What its words may be, for completion.
        words: Fixed words, for completion.
        verbatim: Whether free text follows.
    """

    def made(does: Does) -> Command:
        about = inspect.getdoc(does) or ""
        whole = f"{names[0]} {usage}".rstrip()
        return Command(names, whole, about, group, does, repeats, takes, words, verbatim)

    return made
