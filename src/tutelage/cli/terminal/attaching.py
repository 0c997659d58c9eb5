"""Driving a running batch, for `tutelage debug --attach RUN`: Ctrl-C breaks off waiting and leaves the batch alone.

Not covered: what can be typed (`tutelage.graphs.control.console`).
"""

from collections.abc import Callable

from tutelage.graphs.console import Commanded, Reply
from tutelage.graphs.console.reply import said

__all__ = ["driven_directly"]


def driven_directly(console: Commanded, line: str, tell: Callable[[str], None]) -> Reply:
    """Execute a line here; Ctrl-C breaks off waiting."""
    try:
        return console.execute(line)
    except KeyboardInterrupt:
        return said("waiting was broken off; the batch goes on")
