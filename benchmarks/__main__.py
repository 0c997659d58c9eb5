"""`python -m benchmarks [NAME] [--quick] [...]`: run a benchmark, or list them."""

import argparse
import ast
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from benchmarks.results import RESULTS, write_section
from tutelage.errors import TutelageError

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"__init__", "__main__", "results"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark and give the exit code: 2 for what the caller can mend."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(listing())
        return 0
    name = given[0]
    if name not in names():
        print(f"benchmarks: unknown benchmark {name!r}; known are {', '.join(names())}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"benchmarks.{name}")
    args = parser_of(name, module).parse_args(given[1:])
    try:
        result = module.run(args)
        if hasattr(module, "render") and not args.quick:
            write_section(RESULTS, name, module.render(result))
    except TutelageError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"benchmark": name, "quick": args.quick, **result}, ensure_ascii=False, allow_nan=False))
    return 0


def names() -> list[str]:
    """The benchmarks there are, sorted."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)


def listing() -> str:
    """How to call, and one line a benchmark, without importing any."""
    width = max(map(len, names()), default=0)
    lines = [f"  {name:<{width}}  {summary(name)}" for name in names()]
    return "\n".join(["usage: python -m benchmarks NAME [--quick] [...]", "", *lines])


def summary(name: str) -> str:
    """The first line of a benchmark's docstring."""
    docstring = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text("utf-8"))) or ""
    return docstring.partition("\n")[0]


def parser_of(name: str, module: ModuleType) -> argparse.ArgumentParser:
    """The benchmark's own arguments and `--quick`."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=summary(name))
    parser.add_argument("--quick", action="store_true", help="a small run that writes nothing")
    module.configure(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
