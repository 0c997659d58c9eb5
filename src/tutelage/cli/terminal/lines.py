"""A console without a terminal: lines from a file or a pipe, replies as text or as JSON, one a line."""

from collections.abc import Iterable

from tutelage.cli.options import print_json
from tutelage.cli.output import echo
from tutelage.cli.terminal.driving import Drive, driven
from tutelage.cli.terminal.painting import show
from tutelage.graphs.console import Commanded, Reply

__all__ = ["execute_lines"]


def execute_lines(
    console: Commanded, lines: Iterable[str], *, json_: bool, strict: bool, drive: Drive = driven
) -> int:
    """Execute lines up to the end or to `quit`; give the exit code.

    Args:
        console: What executes them.
        lines: The lines.
        json_: Print each reply as one JSON object.
        strict: Stop at the first line that is refused.
        drive: How a line is executed.

    Returns:
        0 if every line was executed, 1 if one was refused.
    """
    refused = False
    answer("", console.stand(), json_)
    for each in lines:
        line = each.rstrip("\r\n")
        if not json_:
            echo(f"{console.prompt}{line}")
        reply = drive(console, line, lambda text: None)
        answer(line, reply, json_)
        refused = refused or reply.refused
        if reply.ended:
            return int(refused)
        if reply.refused and strict:
            break
    answer("quit", console.execute("quit"), json_)
    return int(refused)


def answer(line: str, reply: Reply, json_: bool) -> None:
    """Print the reply to a line."""
    if not json_:
        show(reply)
        return
    print_json(
        {
            "line": line,
            "ok": not reply.refused,
            "text": reply.text,
            "data": reply.data,
            "ended": reply.ended,
        }
    )
