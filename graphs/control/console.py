"""A running batch by lines of text: `BatchConsole`, a session's console over the rollout that is picked.

The words are a session's, done by the same code, besides those of the batch itself (`commands`). What only a session can
do is refused with a sentence that says what to do instead. Waiting (`s`, `pick`, `wait`) may be broken off with Ctrl-C.
"""

import shlex
from typing import TYPE_CHECKING, cast

from tutelage.errors import TutelageError, UserError
from tutelage.graphs.console.command import Command
from tutelage.graphs.console.commands import COMMANDS as OF_SESSIONS
from tutelage.graphs.console.console import Console, ConsoleSettings
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.styled import Span
from tutelage.graphs.console.vocabulary import Vocabulary
from tutelage.graphs.control.commands import COMMANDS as OF_BATCHES
from tutelage.graphs.control.picked import Picked
from tutelage.graphs.control.standing import flight_line, status_lines

if TYPE_CHECKING:
    from tutelage.graphs.control.client import Attached
    from tutelage.graphs.debugging.session import Session

__all__ = ["BatchConsole"]

LEFT_OUT = frozenset({"rewrite", "save"})
"""Words of the groups below that a rollout in flight has no use for."""
GROUPS = frozenset({"go on", "look", "stop at", "change", "console"})
INSTEAD = {
    "rewrite": "a batch does not keep what later calls change; edit changes the call that waits",
}


class BatchWords(Vocabulary):
    """The words of a batch; a session's that it has not are refused by name."""

    def __init__(self, run: str) -> None:
        """Take the words; the sentences name the run."""
        own = {name for each in OF_BATCHES for name in each.names}
        shared = [
            each
            for each in OF_SESSIONS
            if each.group in GROUPS and each.name not in LEFT_OUT and not own & set(each.names)
        ]
        super().__init__([*OF_BATCHES, *shared])
        self._run = run
        self._sessions = Vocabulary(OF_SESSIONS)

    def find(self, word: str) -> Command:
        """Give a word's command; see `Vocabulary.find`."""
        try:
            return super().find(word)
        except UserError:
            if self.begins(word):
                raise
            try:
                other = self._sessions.find(word)
            except UserError:
                other = None
            if other is None:
                raise
        instead = f"when this rollout has ended: tutelage debug {shlex.quote(self._run)} TASK"
        why = INSTEAD.get(other.name, f"{other.name} belongs to sessions over stored rollouts; {instead}")
        raise UserError(f"there is no {other.name} in a running batch: {why}")


class BatchConsole(Console):
    """Drives an attached batch."""

    def __init__(self, batch: "Attached", settings: ConsoleSettings | None = None) -> None:
        """Drive a batch.

        Args:
            batch: What is attached to.
            settings: What the face offers and wants.
        """
        self.batch = batch
        self.picked = Picked(batch)
        given = settings or ConsoleSettings(prompt="(batch) ")
        super().__init__(cast("Session", self.picked), given, BatchWords(batch.run))

    @property
    def status(self) -> str:
        """How far the batch is, in a few words."""
        if self.batch.over:
            return f" {self.batch.run} | over "
        now = self.batch.status()
        picked = "" if self.batch.picked is None else f" | rollout {self.batch.picked}"
        paused = " | paused" if now.paused else ""
        return f" {now.name} | {now.done}/{now.total} rollouts | {now.held} held{paused}{picked} "

    def pause(self) -> None:
        """Nothing: the batch is not ours to stop by accident; `pause` does it on purpose."""

    def stand(self) -> Reply:
        """Say where the picked rollout is held; where none is, how far the batch is."""
        return self._guarded(self._standing)

    def arrived(self) -> Reply:
        """Say where the rollout is held now, or that it is not."""
        if self.batch.over:
            return _over()
        if self.batch.picked is not None:
            return super().arrived()
        left = self.picked.left
        return (
            said("nothing is held" if left is None else f"rollout {left} has come to its end") + self.news()
        )

    def news(self) -> Reply:
        """Name the rollouts that are held and not picked."""
        if self.batch.over:
            return _over()
        held = [
            each
            for each in self.batch.flights()
            if each.status == "held" and each.number != self.batch.picked
        ]
        return Reply(tuple(flight_line(each, False) for each in held))

    def complete(self, text: str) -> list[str]:
        """Give what the last word of a line may become; nothing of a batch that is over."""
        try:
            return super().complete(text)
        except TutelageError:
            return []

    def turns(self) -> list[str]:
        """Give the ids of what was said in the picked rollout."""
        return self.picked.turns()

    def _one(self, text: str) -> Reply:
        self.picked.look_again()
        if not text.strip() and not self._again:
            return self._guarded(self.news)
        return super()._one(text)

    def _standing(self) -> Reply:
        if self.batch.over:
            return _over()
        if self.batch.picked is None:
            status = self.batch.status()
            return Reply(tuple(status_lines(status)), status.model_dump(mode="json")) + self.news()
        waiting = self.picked.look().waiting
        behind = (
            said(Span(f"  {waiting} more of this rollout wait behind this", "dim")) if waiting else Reply()
        )
        return super().stand() + behind


def _over() -> Reply:
    return Reply(said("the batch has ended").lines, ended=True)
