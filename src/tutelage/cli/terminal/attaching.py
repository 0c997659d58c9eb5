"""A running batch as something to talk to: what `tutelage debug --attach RUN` drives.

The batch's own words do the work (`tutelage.graphs.control`). Ctrl-C breaks off waiting and leaves the batch alone. Not
covered: the words of a session over a stored run.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tutelage.graphs.console import Reply
from tutelage.graphs.console.reply import said

if TYPE_CHECKING:
    from tutelage.graphs.console import Commanded
    from tutelage.graphs.control import Attached

__all__ = ["AttachedConsole", "driven_directly"]


class AttachedConsole:
    """An attached batch."""

    prompt = "(batch) "

    def __init__(self, batch: "Attached") -> None:
        """Talk to a batch."""
        self._batch = batch

    @property
    def status(self) -> str:
        """Say how far the batch is, in a few words."""
        if self._batch.over:
            return f" {self._batch.run} | over "
        now = self._batch.status()
        picked = "" if self._batch.picked is None else f" | rollout {self._batch.picked}"
        paused = " | paused" if now.paused else ""
        return f" {now.name} | {now.done}/{now.total} rollouts | {now.held} held{paused}{picked} "

    def execute(self, text: str) -> Reply:
        """Do what a line says; an empty one tells what is held."""
        return Reply() if text.lstrip().startswith("#") else self._batch.execute(text)

    def stand(self) -> Reply:
        """Say how far the batch is, and where the rollout that is picked is held."""
        return self.execute("status" if self._batch.picked is None else "where")

    def complete(self, text: str) -> list[str]:
        """Give what the first word of a line may become."""
        from tutelage.graphs.control.console import WORDS

        return [each for each in sorted(WORDS) if each.startswith(text) and each != text]

    def pause(self) -> None:
        """Nothing: the batch is not ours to stop by accident; `pause` does it on purpose."""


def driven_directly(console: "Commanded", line: str, tell: Callable[[str], None]) -> Reply:
    """Execute a line here; Ctrl-C breaks off waiting."""
    try:
        return console.execute(line)
    except KeyboardInterrupt:
        return said("waiting was broken off; the batch goes on")
