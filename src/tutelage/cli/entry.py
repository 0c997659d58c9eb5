"""`main`: run a command and turn whatever goes wrong into a sentence and an exit code.

What a person can mend (a `TutelageError`, a wrong argument, a file, a full disk) never shows a traceback; a
fault of the program does, since it must be reported.
"""

import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tutelage.cli.group import commands
from tutelage.cli.output import echo
from tutelage.errors import TutelageError, UserError
from tutelage.printable import printable

__all__ = ["main", "run_command"]

MEND = 2
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `tutelage` with these arguments (default: those of the process) and exit."""
    code = run_command(arguments)
    try:
        sys.stdout.flush()
    except OSError:
        _quiet_stdout()
    sys.exit(code)


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run `tutelage` and give its exit code; what went wrong is said on standard error."""
    try:
        _check(sys.argv[1:] if arguments is None else arguments)
        code = commands.main(arguments, prog_name="tutelage", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        return _interrupted(error)
    except TutelageError as error:
        return _say(str(error))
    except BrokenPipeError:
        _quiet_stdout()
        return 1
    except OSError as error:
        sentence = _of_the_system(error)
        if sentence is None:
            raise
        return _say(sentence)
    return code if isinstance(code, int) else 0


def _check(arguments: Sequence[str]) -> None:
    """Refuse what no file can be called, before any command takes it for a path."""
    for each in arguments:
        try:
            named = b"\0" not in os.fsencode(each)
        except UnicodeEncodeError:
            named = False
        if not named:
            raise UserError(
                f"the argument {each!r} holds a character that no file's name can hold; give another"
            )


def _say(sentence: str) -> int:
    echo(f"tutelage: {printable(sentence)}", err=True)
    return MEND


def _interrupted(error: BaseException) -> int:
    """Click wraps a Ctrl-C; a command that can be continued says how in the interrupt's text."""
    cause = error.__cause__ if isinstance(error, click.Abort) else error
    how = str(cause) if isinstance(cause, KeyboardInterrupt) and str(cause) else "nothing was finished"
    echo(f"tutelage: interrupted; {how}", err=True)
    return INTERRUPTED


def _of_the_system(error: OSError) -> str | None:
    """A sentence for what the system refuses; `None` where only a traceback helps."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        _quiet_stdout()
        where = f" (writing {str(error.filename)!r})" if error.filename else ""
        return f"the disk is full{where}; free some space and give the same command again"
    if error.filename is None or error.strerror is None:
        return None
    return f"{str(error.filename)!r}: {error.strerror[0].lower()}{error.strerror[1:]}"


def _quiet_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain of it at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (it lives as long as the process)
