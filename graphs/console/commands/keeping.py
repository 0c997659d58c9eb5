"""Commands of the console itself: help, alias, source, save, quit."""

from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.errors import UserError
from tutelage.graphs.console.command import GROUPS, command
from tutelage.graphs.console.commands.words import none_after, one_word
from tutelage.graphs.console.reply import Reply, said
from tutelage.graphs.console.styled import Span, block, line
from tutelage.graphs.console.tables import width_of

if TYPE_CHECKING:
    from tutelage.graphs.console.console import Console

__all__ = ["COMMANDS"]

LONGEST = 1_000_000
"""Bytes of a file of commands."""


@command("help", "h", "?", group="console", usage="[COMMAND]", takes=("command",))
def help_(console: "Console", rest: str) -> Reply:
    """List the commands, or tell all about one.

    ;; parts commands on a line, a line that begins with # is a comment, an empty line repeats the last command that
    steps or lists, and <<END takes the lines up to END as the text of a command.
    """
    if rest.strip():
        one = console.vocabulary.find(one_word("help [COMMAND]", rest))
        names = f"   ({', '.join(one.names)})" if len(one.names) > 1 else ""
        data = {"names": list(one.names), "usage": one.usage, "about": one.about}
        return said(line(Span(one.usage, "heading"), Span(names, "dim")), *block(one.about), data=data)
    lines = []
    for group in GROUPS:
        found = [each for each in console.vocabulary if each.group == group]
        lines += [line(Span(group, "heading"))] if found else []
        for each in found:
            short = min(each.names, key=len)
            name = each.name if short == each.name else f"{each.name} ({short})"
            lines.append(line("  ", Span(name, "bold"), " " * max(1, 16 - width_of(name)), each.summary))
    return said(
        *lines, Span("help COMMAND tells more; an empty line repeats", "dim"), data=console.vocabulary.names()
    )


@command("alias", group="console", usage="[NAME [LINE]]", takes=("alias", "command"), verbatim=True)
def alias(console: "Console", rest: str) -> Reply:
    """Call a line by a short name; %1 … %9 and %* in it stand for what follows the name.

    alias wrong b after %1, verdict == 'wrong'
    """
    name, _, text = rest.strip().partition(" ")
    if name and text.strip():
        console.aliases[name] = text.strip()
    elif name and name not in console.aliases:
        raise UserError(f"there is no alias {name!r}; make it with: alias {name} LINE")
    shown = {key: value for key, value in console.aliases.items() if not name or key == name}
    lines = [line(Span(key, "bold"), f" = {value}") for key, value in shown.items()]
    return said(*lines, data=dict(shown)) if lines else said("there are no aliases", data={})


@command("unalias", group="console", usage="NAME", takes=("alias",))
def unalias(console: "Console", rest: str) -> Reply:
    """Forget an alias."""
    name = one_word("unalias NAME", rest)
    if console.aliases.pop(name, None) is None:
        raise UserError(f"there is no alias {name!r}")
    return Reply()


@command("source", group="console", usage="FILE", takes=("file",))
def source(console: "Console", rest: str) -> Reply:
    """Execute the lines of a file; the first that is refused ends it."""
    path = _path(console, "source", rest)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:
        raise _unusable("source", path, error, "it is no text") from error
    if len(text) > LONGEST:
        raise UserError(
            f"source {str(path)!r}: longer than {LONGEST:,} characters; that is no file of commands"
        )
    return console.source(text.splitlines(), str(path))


@command("save", group="console", usage="FILE.html", takes=("file",))
def save(console: "Console", rest: str) -> Reply:
    """Save the session as one page that opens anywhere, without a server."""
    path = _path(console, "save", rest)
    if path.suffix not in (".html", ".htm"):
        raise UserError(f"save {str(path)!r}: a page's name ends with .html")
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise _unusable("save", path, error, "that is no name of a file") from error
    else:
        raise UserError(f"save {str(path)!r}: there is such a file already; give another name")
    from tutelage.graphs.studio import save_session

    save_session(console.session, path)
    return said(line("saved in ", Span(str(path), "bold")), data={"path": str(path)})


@command("quit", "q", "exit", group="console")
def quit_(console: "Console", rest: str) -> Reply:
    """Leave; the session is kept where it is, and says how it is opened again."""
    none_after("quit", rest)
    return goodbye(console)


def goodbye(console: "Console") -> Reply:
    """Say what is kept, and how it is opened again."""
    again = console.settings.again
    path = console.session.path
    if path is None:
        text = "nothing is kept; name a directory (--store DIR) to keep a session"
    else:
        text = f"kept in {path}" + (f"; open it again with: {again}" if again else "")
    data = {"path": None if path is None else str(path), "again": again}
    return Reply((line(Span(text, "dim")),), data, ended=True)


def _path(console: "Console", name: str, rest: str) -> Path:
    if not console.settings.files:
        raise UserError(f"{name} reads and writes files, which this console does not do")
    if not rest.strip():
        raise UserError(f"give a file: {name} FILE")
    try:
        return Path(rest.strip()).expanduser()
    except RuntimeError as error:
        raise UserError(f"{name} {rest.strip()!r}: there is no such home directory") from error


def _unusable(name: str, path: Path, error: Exception, otherwise: str) -> UserError:
    """Say why a file cannot be used."""
    why = getattr(error, "strerror", None) or otherwise
    return UserError(f"{name} {str(path)!r}: {why[0].lower()}{why[1:]}")


COMMANDS = (help_, alias, unalias, source, save, quit_)
