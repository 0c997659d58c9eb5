"""All commands of the console, by theme; each is declared beside what it does."""

from tutelage.graphs.console.commands import (
    branching,
    changing,
    going,
    keeping,
    looking,
    reading,
    stopping,
    teaching,
)

__all__ = ["COMMANDS"]

COMMANDS = (
    *going.COMMANDS,
    *looking.COMMANDS,
    *reading.COMMANDS,
    *stopping.COMMANDS,
    *changing.COMMANDS,
    *branching.COMMANDS,
    *teaching.COMMANDS,
    *keeping.COMMANDS,
)
