"""The group of all commands; a command's module is imported when it is asked for."""

import importlib
from collections.abc import Mapping

import click

import tutelage

__all__ = ["commands"]

HOMES: Mapping[str, str] = {
    "demo": "demo",
    "run": "run",
    "debug": "debug",
    "studio": "studio",
    "runs": "runs",
    "show": "show",
    "sql": "sql",
    "score": "score",
    "teach": "teach",
    "evaluate": "evaluate",
    "compare": "compare",
    "distill": "distill",
    "train": "train",
    "improve": "improve",
    "export": "export",
    "import": "import_",
    "merge": "merge",
    "merge-adapter": "merge_adapter",
    "copy": "copy",
    "upgrade": "upgrade",
    "tasks": "tasks",
}
"""Each command's module in this package, in the order of `--help`; the module calls it `command`."""


class LazyGroup(click.Group):
    """Commands by name, each loaded from its own module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of `--help`."""
        return list(HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; `None` for an unknown name, which click reports."""
        if cmd_name not in HOMES:
            return None
        command: click.Command = importlib.import_module(f"tutelage.cli.{HOMES[cmd_name]}").command
        return command


@click.command(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(tutelage.__version__, "-V", "--version", message="%(prog)s %(version)s")
def commands() -> None:
    """Solver, critic and teacher loops that train the model they run on.

    TASKS is a file of tasks (JSON Lines) or FAMILY:DIFFICULTY:COUNT:SEED[:SPLIT], e.g. arithmetic:3:100:0. A
    MODEL is embedded, vllm:DIR, transformers:DIR, the address of an OpenAI-compatible server, replay:RUN, or
    FILE.py:ATTRIBUTE, a ChatModel or a function that makes one. RUN is the directory of a recorded run, or a
    copy of it in one file.
    """
