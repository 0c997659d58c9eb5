import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "debugger-features.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
SECTIONS = ("Features", "Where LangGraph is in the way", "What people ask for")


def rows(section: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    text = PAGE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_there_are_at_least_thirty_features_and_we_have_them_all() -> None:
    assert len(rows("Features")) >= 30
    assert {cells[1] for cells in rows("Features") + rows("What people ask for")} == {"yes"}
    assert {cells[1] for cells in rows("Others")} == {"yes"}


def test_no_feature_is_listed_twice() -> None:
    names = [cells[0] for section in SECTIONS for cells in rows(section)]
    assert len(names) == len(set(names))


def test_the_tools_are_compared_in_the_first_thirty() -> None:
    assert [cells[0] for cells in rows("Others")] == [cells[0] for cells in rows("Features")[:30]]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_names_tests_that_exist(section: str) -> None:
    for cells in rows(section):
        named = TEST.findall(cells[-1])
        assert named, cells[0]
        for path, name in named:
            assert (ROOT / path).is_file(), path
            assert not name or name in functions(ROOT / path), f"{path}::{name}"
