"""Finding the command that was typed: exact names, aliases' letters, unambiguous beginnings, and the nearest known."""

from collections.abc import Iterator, Sequence

from tutelage.errors import UserError
from tutelage.graphs.console.command import Command
from tutelage.nearest import nearest

__all__ = ["Vocabulary"]


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
        close = nearest(word, (name for name in self._by_name if len(name) > 2))
        hint = "type help to see them all" if close is None else f"did you mean {close!r}?"
        raise UserError(f"unknown command {word!r}; {hint}")
