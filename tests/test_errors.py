import inspect
import re

import pytest

from tutelage import errors
from tutelage.errors import TutelageError


def classes() -> dict[str, type[Exception]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: each for name, each in found if issubclass(each, Exception)}


def drawn_tree() -> dict[str, tuple[str | None, str]]:
    """Each name of the tree in the docstring, with its parent and what is written beside it."""
    stack: list[tuple[int, str]] = []
    tree: dict[str, tuple[str | None, str]] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"    ([│├└─ ]*)(\w+)(.*)", line)
        if match is None:
            continue
        depth, name, beside = len(match[1]), match[2], match[3]
        while stack and stack[-1][0] >= depth:
            stack.pop()
        tree[name] = (stack[-1][1] if stack else None, beside)
        stack.append((depth, name))
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = {name: parent for name, (parent, _) in drawn_tree().items()}
    real = {name: each.__bases__[0].__name__ for name, each in classes().items()}
    assert {**drawn, "TutelageError": "Exception"} == real


def test_the_tree_says_which_builtin_an_error_also_is() -> None:
    said = {name: re.search(r"also an? (\w+)", beside) for name, (_, beside) in drawn_tree().items()}
    for name, each in classes().items():
        also = [base.__name__ for base in each.__bases__[1:]]
        match = said[name]
        assert also == ([match[1]] if match else [])


def test_every_error_is_public_and_the_list_is_sorted() -> None:
    assert sorted(classes()) == errors.__all__


@pytest.mark.parametrize("name", sorted(classes()))
def test_catching_the_root_catches_every_error(name: str) -> None:
    with pytest.raises(TutelageError, match="a sentence"):
        raise classes()[name]("a sentence")
