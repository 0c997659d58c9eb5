"""`tutelage merge-adapter`: a LoRA adapter put into its base's weights, as one model."""

import json
from pathlib import Path

import click

from tutelage.cli.options import as_json, print_json
from tutelage.cli.output import echo
from tutelage.errors import UserError
from tutelage.printable import printable

__all__ = ["command"]


@click.command(name="merge-adapter")
@click.argument("adapter", type=click.Path(path_type=Path))
@click.option("--base", metavar="DIR", help="What it was trained over. [default: what its policy.json says]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new model directory.")
@as_json
def command(adapter: Path, base: str | None, out: Path, json_: bool) -> None:
    """Add an ADAPTER to its base's weights, and print the new model directory.

    Example: tutelage merge-adapter adapters/solver --out policies/solver
    """
    from tutelage.agents import embedded_directory
    from tutelage.training import merge_adapter

    start = embedded_directory() if base == "embedded" else base or _base_of(adapter)
    merged = merge_adapter(start, adapter, out)
    if json_:
        print_json({"directory": str(merged), "adapter": str(adapter), "base": str(start)})
    else:
        echo(printable(str(merged)))


def _base_of(adapter: Path) -> str:
    """The directory that an adapter was trained over, as it says.

    Raises:
        UserError: it is not there, or does not say.
    """
    if not adapter.is_dir():
        raise UserError(f"there is no directory {str(adapter)!r}")
    file = adapter / "policy.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["base"]["directory"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{str(file)!r} names no base of the adapter; give --base DIR") from None
