import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "core": {"core"},
    "tools": {"core", "tools"},
    "traces": {"core", "traces"},
    "agents": {"core", "tools", "traces", "agents"},
    "graphs": {"core", "tools", "traces", "agents", "graphs"},
    "training": {"core", "tools", "traces", "agents", "graphs", "training"},
    "cli": {"core", "tools", "traces", "agents", "graphs", "training", "cli", "harnesses"},
    "testing": {"core", "tools", "traces", "agents", "graphs", "training", "testing"},
    "harnesses": {"core", "tools", "traces", "agents", "graphs", "training", "cli", "harnesses"},
}
INSIDE = ("cli", "testing", "harnesses")
"""Rooms that lie in the package itself."""
HEAVY = ("datasets", "matplotlib", "torch", "transformers", "trl", "vllm")
LONGEST_FILE = 600
LONGEST_FUNCTION = 60


def room_files() -> Iterator[tuple[str, Path]]:
    for room in MAY_IMPORT:
        folder = ROOT / room if (ROOT / room).is_dir() else ROOT / "src" / "tutelage"
        if room == "core":
            yield from ((room, path) for path in folder.glob("*.py") if path.stem != "__main__")
        else:
            folder = folder / room if room in INSIDE else folder
            yield from ((room, path) for path in folder.rglob("*.py"))


def our_files() -> list[Path]:
    folders = ("benchmarks", "examples", "tests")
    return [path for _, path in room_files()] + [
        path for folder in folders for path in (ROOT / folder).rglob("*.py")
    ]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            assert node.module is not None
            if node.module == "tutelage":
                yield from (f"tutelage.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room_of(module: str) -> str | None:
    """The room of a module of ours; `None` for one that is not."""
    package, _, rest = module.partition(".")
    if package != "tutelage":
        return None
    first = rest.partition(".")[0]
    return first if first in MAY_IMPORT else "core"


def test_every_import_points_along_the_arrows() -> None:
    against = [
        f"{path.relative_to(ROOT)}: {room} imports {module}"
        for room, path in room_files()
        for module in imported(ast.parse(path.read_text("utf-8")))
        if room_of(module) not in (None, *MAY_IMPORT[room])
    ]
    assert not against


def test_no_file_is_too_long() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in our_files()}
    assert not {path: length for path, length in lengths.items() if length > LONGEST_FILE}


def test_no_function_is_too_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for _, path in room_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node) > LONGEST_FUNCTION
    ]
    assert not long


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_every_module_of_the_package_states_its_contract() -> None:
    silent = [path for _, path in room_files() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent


@pytest.mark.slow
@pytest.mark.parametrize("door", ["tutelage", *(f"tutelage.{room}" for room in MAY_IMPORT if room != "core")])
def test_a_door_opens_without_the_heavy_packages(door: str) -> None:
    code = f"import sys, {door}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
