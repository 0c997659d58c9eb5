from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.graphs.console.breakpoint_text import breakpoint_line, wanted
from tutelage.graphs.console.styled import text_of
from tutelage.graphs.debugging.view import Breakpoint


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("reviewer", {"node": "reviewer", "at": "before"}),
        ("outer/inner", {"node": "outer/inner", "at": "before"}),
        ("after reviewer", {"node": "reviewer", "at": "after"}),
        ("prompt solver", {"node": "solver", "at": "prompt"}),
        ("reviewer, round > 1", {"node": "reviewer", "at": "before", "when": "round > 1"}),
        ("after r , a == 'x, y'", {"node": "r", "at": "after", "when": "a == 'x, y'"}),
        ("role:refiner", {"role": "refiner", "at": "prompt"}),
        ("role: refiner", {"role": "refiner", "at": "prompt"}),
        ("verdict:wrong", {"verdict": "wrong", "at": "after"}),
        ("error", {"error": True, "at": "before"}),
        ("tokens > 1000", {"tokens": 1000, "at": "after"}),
        ("tokens>1_000", {"tokens": 1000, "at": "after"}),
        ("score < 0.5", {"score": "< 0.5", "at": "after"}),
        ("score>=-1", {"score": ">=-1", "at": "after"}),
        ("when len(candidates) > 3", {"when": "len(candidates) > 3", "at": "after"}),
        (", verdict == 'wrong'", {"when": "verdict == 'wrong'", "at": "after"}),
        ("before reviewer verdict:wrong", {"node": "reviewer", "verdict": "wrong", "at": "before"}),
        ("node:error", {"node": "error", "at": "before"}),
        ("errors", {"node": "errors", "at": "before"}),
    ],
)
def test_what_follows_b_becomes_the_arguments_of_a_breakpoint(text: str, arguments: dict[str, Any]) -> None:
    assert wanted(text) == arguments


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("solver reviewer", "says node twice"),
        ("before", "say where to stop"),
        ("  ", "say where to stop"),
        ("reviewer,", "is no place to stop"),
        ("tokens > abc", "'tokens > abc' compares with no such number; write tokens > N"),
        ("tokens > nan", "write tokens > N, N a whole number"),
        ("tokens > 5.5", "write tokens > N"),
        ("tokens > 1__0", "write tokens > N"),
        ("tokens <= 5", "write tokens > N"),
        ("tokens >", "write tokens > N"),
        ("solver tokens > -1", "write tokens > N"),
        ("tokens > " + "9" * 5000, "more than a branch can have"),
        ("score < nan", "'score < nan' compares with no such number; write score < X"),
        ("score < 0.5.5", "write score < X"),
        ("score = 1", "write score < X"),
    ],
)
def test_what_makes_no_breakpoint_is_one_sentence(text: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as refused:
        wanted(text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 250


def test_a_breakpoint_is_shown_in_the_words_that_make_it() -> None:
    made = Breakpoint(
        number=3,
        node="reviewer",
        at="after",
        verdict="wrong",
        when="round > 1",
        hits=1,
        ignore=2,
        enabled=False,
    )
    shown = text_of(breakpoint_line(made))
    assert shown == (
        "breakpoint 3: after reviewer verdict:wrong when round > 1  (hit 1 time, disabled, ignores 2 more)"
    )
    words = shown.partition(": ")[2].partition("  (")[0]
    assert wanted(words) == {"node": "reviewer", "at": "after", "verdict": "wrong", "when": "round > 1"}
