import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tutelage.cli.output import echo, escaped_json, styled

ROOT = Path(__file__).parent.parent.parent
SPEAKING = [ROOT / "src" / "tutelage" / "cli", ROOT / "graphs" / "console"]
THE_ONE = ("output.py", "echo")
PRINTS = {
    "print",
    "pprint",
    "print_formatted_text",
    "secho",
    "echo_via_pager",
    "print_exc",
    "print_exception",
}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
WRITES = {"write", "writelines", "buffer"}


def printing(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every place where text may reach a terminal, but by our own `echo`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in PRINTS:
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and prints(node):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("tutelage"):
            names = {alias.name for alias in node.names} & (STREAMS | PRINTS | {"echo", "Console"})
            yield from ((node.lineno, name) for name in names)


def prints(node: ast.Attribute) -> bool:
    owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
    writes = node.attr in WRITES and owner in STREAMS
    return node.attr in PRINTS or writes or (owner, node.attr) in (("click", "echo"), ("os", "write"))


def places() -> Iterator[str]:
    for folder in SPEAKING:
        for path in sorted(folder.rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            allowed = range(0)
            if path.name == THE_ONE[0]:
                one = next(
                    each
                    for each in ast.walk(tree)
                    if isinstance(each, ast.FunctionDef) and each.name == THE_ONE[1]
                )
                allowed = range(one.lineno, (one.end_lineno or one.lineno) + 1)
            for line, what in printing(tree):
                if line not in allowed:
                    yield f"{path.relative_to(ROOT)}:{line}: {what}"


def test_text_reaches_a_terminal_by_one_function_only() -> None:
    assert list(places()) == []


@pytest.mark.parametrize(
    "code",
    [
        "print('x')",
        "say = print",
        "click.echo('x')",
        "click.secho('x')",
        "import sys\nsys.stdout.write('x')",
        "sys.stderr.writelines(['x'])",
        "sys.stdout.buffer.write(b'x')",
        "os.write(1, b'x')",
        "from prompt_toolkit import print_formatted_text",
        "from sys import stdout",
        "from rich.console import Console",
        "traceback.print_exc()",
    ],
)
def test_the_guard_sees_every_way_around_it(code: str) -> None:
    assert list(printing(ast.parse(code)))


def test_nothing_but_our_own_colours_gets_through(capsys: pytest.CaptureFixture[str]) -> None:
    echo("\x1b]0;title\x07\x1b[2J\x1b[38;5;1mred\x1b[31mours\x1b[0m \u202e\x9b1m")
    echo(styled("bad", "red") + "\rover", err=True)
    out, err = capsys.readouterr()
    shown = "⟨U+001B⟩]0;title⟨U+0007⟩⟨U+001B⟩[2J⟨U+001B⟩[38;5;1mredours ⟨U+202E⟩⟨U+009B⟩1m\n"
    assert out == shown
    assert err == "bad⟨U+000D⟩over\n"


def test_json_stays_the_same_data_and_holds_nothing_to_obey() -> None:
    assert escaped_json('{"a": "\u202e\ud83d"}') == '{"a": "\\u202e\\ud83d"}'
