"""Finding the command that was typed: exact names, aliases' letters, unambiguous beginnings, and the nearest known."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from tutelage.errors import UserError
from tutelage.graphs.console.command import Command

__all__ = ["Vocabulary", "nearest"]


def nearest(word: str, known: Iterable[str]) -> str:
    """Give the end of a sentence that names the nearest known word, or all where none is near."""
    listed = sorted(set(known))
    near = get_close_matches(word.lower(), listed, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(listed)}" if listed else "there are none"


class Vocabulary:
    """All commands by name."""

    def __init__(self, commands: Sequence[Command]) -> None:
        """Take commands; two with one name are an error of the program."""
        self._commands = tuple(commands)
        self._by_name: dict[str, Command] = {}
        for each in commands:
            for name in each.names:
                assert name not in self._by_name, f"two commands are called {name!r}"
                self._by_name[name] = each

    def __iter__(self) -> Iterator[Command]:
        """Give every command once, in the order of `help`."""
        return iter(self._commands)

    def names(self) -> list[str]:
        """Give every whole name."""
        return [each.name for each in self._commands]

    def begins(self, word: str) -> bool:
        """Whether a name begins so."""
        return any(name.startswith(word) for name in self._by_name)

    def find(self, word: str) -> Command:
        """Give the command of a name, a short name or an unambiguous beginning of a name.

        Raises:
            UserError: There is none, or there are several; the sentence names the nearest.
        """
        if word in self._by_name:
            return self._by_name[word]
        begun = {each.name: each for name, each in self._by_name.items() if name.startswith(word)}
        if len(begun) == 1:
            return next(iter(begun.values()))
        if begun:
            raise UserError(f"{word!r} may be {', '.join(sorted(begun))}; type more of it")
        near = nearest(word, (name for name in self._by_name if len(name) > 2))
        hint = near if near.startswith("did") else "type help to see them all"
        raise UserError(f"unknown command {word!r}; {hint}")
