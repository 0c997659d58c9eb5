"""`Console`: a debugging session driven by lines of text, as pdb drives a program.

A line is a command with what it takes; `;;` parts several, a line that begins with `#` is a comment, an empty line
repeats the last command that steps or lists, and `<<WORD` at the end takes the lines up to WORD as the text. What
cannot be done is a reply that says why in one sentence; the session stays as it was. Not covered: reading keys and
printing (a face does that, from the `Reply`), and a shell (there is none).
"""

import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutelage.errors import TutelageError, UserError
from tutelage.graphs.console.aliases import expanded
from tutelage.graphs.console.command import Command
from tutelage.graphs.console.commands import COMMANDS
from tutelage.graphs.console.displays import Display
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.standing import standing, status_of
from tutelage.graphs.console.styled import Span, block, line
from tutelage.graphs.console.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tutelage.graphs.debugging.resampling import Spread
    from tutelage.graphs.debugging.session import Session
    from tutelage.graphs.debugging.view import Breakpoint

__all__ = ["Console", "ConsoleSettings", "Edit"]

Edit = Callable[[str], str | None]
"""Lets a person edit a text; `None` where nothing was changed."""

DEEPEST = 8
"""How deep files of commands may call each other."""


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What a face offers and wants."""

    edit: Edit | None = None
    """Opens an editor; without one `edit` takes its text from the line."""
    width: int = 100
    """Where values on one line are cut."""
    files: bool = True
    """Whether `source` and `save` may read and write files here."""
    again: str | None = None
    """The command that opens this session again; said on leaving."""
    prompt: str = "(tutelage) "


@dataclass(frozen=True, slots=True)
class Collecting:
    """Lines being gathered for a command that takes several."""

    until: str
    then: Callable[[Sequence[str]], Reply]
    prompt: str
    lines: list[str]


class Console:
    """A session and what was said about it; one driver at a time, but `pause` may come from anywhere."""

    def __init__(
        self,
        session: "Session",
        settings: ConsoleSettings | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """Drive a session.

        Args:
            session: The session, or what answers as one.
            settings: What the face offers and wants.
            vocabulary: What can be typed; `None`: all that sessions can do.
        """
        self.session: Session = session
        self.settings = settings or ConsoleSettings()
        self.vocabulary: Vocabulary = vocabulary or Vocabulary(COMMANDS)
        self.aliases: dict[str, str] = {}
        self.displays: dict[int, Display] = {}
        self.spreads: list[Spread] = []
        """Resamplings so far, for comparisons."""
        self._collecting: Collecting | None = None
        self._queue: deque[str] = deque()
        self._again = ""
        self._depth = 0
        self._busy = threading.Lock()

    @property
    def prompt(self) -> str:
        """What a face shows before the next line."""
        return self._collecting.prompt if self._collecting else self.settings.prompt

    @property
    def status(self) -> str:
        """Where the session stands, in a few words."""
        return status_of(self.session)

    def pause(self) -> None:
        """Stop a running graph at its next event, or a resampling; from any thread, harmless where nothing runs."""
        if not self.session.stop_samples() and self._busy.locked():
            self.session.pause()

    def turns(self) -> list[str]:
        """Give the ids of the turns that commands may name."""
        return [turn for visit in self.session.visits() for turn in visit.turns]

    def execute(self, text: str) -> Reply:
        """Do what a line says.

        Args:
            text: The line; it may hold line feeds where a command takes free text.
        """
        if not self._busy.acquire(blocking=False):
            return self._meanwhile(text)
        try:
            return self._execute(text)
        finally:
            self._busy.release()

    def stand(self) -> Reply:
        """Say where the session stands, as after a stop."""
        return standing(self.session, self.settings.width) + self._displayed()

    def complete(self, text: str) -> list[str]:
        """Give what the last word of a line may become."""
        from tutelage.graphs.console.completion import completions

        return [] if self._collecting else completions(self, text)

    def arrived(self) -> Reply:
        """Say where the session stopped, and queue the commands of the breakpoint that stopped it."""
        commands = deque(self._attached())
        silent = bool(commands) and commands[0] == "silent"
        if silent:
            commands.popleft()
        if commands:
            self._queue.clear()
            self._queue.extend(commands)
        return Reply() if silent else self.stand()

    def move(self, session: "Session") -> Reply:
        """Go on with another branch."""
        self.session = session
        return self.stand()

    def collect(self, prompt: str, until: str, then: Callable[[Sequence[str]], Reply]) -> Reply:
        """Take the following lines up to `until`, and answer then."""
        self._collecting = Collecting(until, then, prompt, [])
        return Reply()

    def source(self, lines: Sequence[str], name: str) -> Reply:
        """Do the lines of a file; the first that is refused ends it.

        Raises:
            UserError: Files call each other too deeply.
        """
        if self._depth >= DEEPEST:
            raise UserError(f"source {name!r}: files call each other more than {DEEPEST} deep")
        self._depth += 1
        try:
            reply = Reply()
            for number, each in enumerate(lines, 1):
                reply += self._execute(each)
                if reply.refused:
                    return reply + said(Span(f"{name}, line {number}: the rest was left out", "dim"))
                if reply.ended:
                    break
            return reply
        finally:
            self._depth -= 1

    def _meanwhile(self, text: str) -> Reply:
        if text.strip() == "pause":
            self.pause()
            return said("it stops at its next event")
        return _refusal("the graph is running; pause stops it at its next event")

    def _execute(self, text: str) -> Reply:
        if self._collecting:
            return self._gathered(text)
        outer, self._queue = self._queue, deque()
        reply = Reply()
        try:
            self._queue.append(text)
            while self._queue and not (reply.refused or reply.ended):
                first, rest = self._parted(self._queue.popleft())
                if rest:
                    self._queue.appendleft(rest)
                reply += self._one(first)
            return reply
        finally:
            self._queue = outer

    def _gathered(self, text: str) -> Reply:
        assert self._collecting is not None
        collecting = self._collecting
        if text.strip() != collecting.until:
            collecting.lines.append(text)
            return Reply()
        self._collecting = None
        return self._guarded(lambda: collecting.then(collecting.lines))

    def _parted(self, text: str) -> tuple[str, str]:
        """The first command of a line and the others; free text is not parted."""
        words = text.split(maxsplit=1)
        try:
            verbatim = bool(words) and self.vocabulary.find(words[0]).verbatim
        except UserError:
            verbatim = False
        if verbatim:
            return text, ""
        first, _, rest = text.partition(";;")
        return first, rest.strip()

    def _one(self, text: str) -> Reply:
        text = text.strip() or self._again
        if not text or text.startswith("#"):
            return Reply()
        return self._guarded(lambda: self._done(text))

    def _done(self, text: str) -> Reply:
        text = expanded(self.aliases, text)
        if ";;" in text and self._parted(text)[1]:
            self._queue.appendleft(text)
            return Reply()
        word, rest = _split(text)
        command = self.vocabulary.find(word)
        self._again = text if command.repeats else ""
        head, marks, until = rest.rpartition("<<")
        if marks and until.isidentifier() and (not head or head[-1].isspace()):
            return self.collect("> ", until, lambda lines: self._run(command, head + "\n".join(lines)))
        return self._run(command, rest)

    def _run(self, command: Command, rest: str) -> Reply:
        return command.does(self, rest)

    def _guarded(self, does: Callable[[], Reply]) -> Reply:
        try:
            return does()
        except TutelageError as error:
            return _refusal(str(error))
        except Exception as error:
            lines = block(traceback.format_exc().rstrip(), style="dim")
            why = f"this failed inside: {type(error).__name__}: {error}; the session is as it was"
            return Reply(tuple(lines)) + _refusal(why)

    def _attached(self) -> Sequence[str]:
        stop = self.session.stop
        if stop is None or stop.breakpoint is None:
            return ()
        found: Sequence[Breakpoint] = self.session.breakpoints()
        return next((each.commands for each in found if each.number == stop.breakpoint), ())

    def _displayed(self) -> Reply:
        reply = Reply()
        for number, display in self.displays.items():
            reply += said(display.shown(self, number))
        return reply


def _split(text: str) -> tuple[str, str]:
    """The first word, and what follows it as it stands."""
    parts = text.split(maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""


def _refusal(sentence: str) -> Reply:
    return Reply(tuple(line(Span(each, "bad")) for each in sentence.split("\n")), refused=True)
