"""`Commanded`: what a face drives: a console here, or one in another process through a socket."""

from typing import Protocol

from tutelage.graphs.console.reply import Reply

__all__ = ["Commanded"]


class Commanded(Protocol):
    """Executes lines; `Console` is one."""

    @property
    def prompt(self) -> str:
        """What stands before the next line."""

    @property
    def status(self) -> str:
        """Where the session stands, in a few words, for a line below the prompt."""

    def execute(self, text: str) -> Reply:
        """Do what a line says."""

    def stand(self) -> Reply:
        """Say where the session stands."""

    def complete(self, text: str) -> list[str]:
        """Give what the last word of a line may become."""

    def pause(self) -> None:
        """Stop a running graph at its next event; from any thread."""
