"""A debugging session by lines of text: the commands of pdb, for agent graphs.

`Console(session).execute(line)` gives a `Reply`. The terminal, the socket of a running batch and the studio's console
box all speak through it.
"""

from tutelage.graphs.console.commanded import Commanded
from tutelage.graphs.console.console import Console, ConsoleSettings
from tutelage.graphs.console.reply import Reply
from tutelage.graphs.console.styled import Line, Span, Style

__all__ = ["Commanded", "Console", "ConsoleSettings", "Line", "Reply", "Span", "Style"]
