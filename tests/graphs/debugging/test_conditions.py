"""Expressions that a person types: what they may say, and what they cannot reach."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from tutelage.errors import UserError
from tutelage.graphs.debugging import Condition, evaluate

STATE = {"verdict": "wrong", "round": 3, "candidates": [{"answer": "5"}, {"answer": "6"}], "hint": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("verdict == 'wrong' and round > 2", True),
        ("not verdict", False),
        ("'ron' in verdict", True),
        ("candidates[-1]['answer']", "6"),
        ("len(candidates) * 2 - 1", 3),
        ("[each['answer'] for each in candidates]", ["5", "6"]),
        ("any(each['answer'] == '5' for each in candidates)", True),
        ("verdict.upper()", "WRONG"),
        ("'a' if hint is None else 'b'", "a"),
        ("1 < round <= 3", True),
        ("{'x': round}['x']", 3),
        ("verdict[1:3]", "ro"),
    ],
)
def test_an_expression_is_pythons(text: str, value: Any) -> None:
    assert evaluate(text, STATE) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__",
        "verdict.__class__",
        "(lambda: 1)()",
        "(x := 1)",
        "open('/etc/passwd')",
        "eval('1')",
        "getattr(verdict, 'upper')",
        "'{0.__class__}'.format(verdict)",
        "verdict.format_map(STATE)",
        "round = 3",
        "import os",
        "",
        "round >",
        "\0",
        "vrdict == 'wrong'",
        "[].__len__()",
        "globals()",
        "(c for c in ()).gi_frame.f_back",
        "type(round)('X', (), {})",
    ],
)
def test_what_is_no_plain_expression_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UserError) as told:
        evaluate(text, STATE)
    assert "\n" not in str(told.value)


def test_a_misspelt_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'verdict'"):
        Condition("verdct == 'wrong'", STATE)


def test_a_condition_that_fails_for_these_values_says_so() -> None:
    condition = Condition("hint > 3", STATE)
    for evaluated in (condition.holds, condition.value):
        with pytest.raises(UserError, match="cannot be evaluated here: TypeError"):
            evaluated(STATE)


def test_a_condition_over_what_is_not_set_yet_does_not_hold() -> None:
    condition = Condition("round > 3", STATE)
    assert not condition.holds({})
    assert condition.holds({"round": 4})


@given(st.text(max_size=40))
def test_any_text_is_evaluated_or_refused(text: str) -> None:
    with suppress(UserError):
        evaluate(text, STATE)


@given(st.dictionaries(st.sampled_from(sorted(STATE)), st.text(max_size=20)))
def test_values_are_data_whatever_they_say(values: dict[str, str]) -> None:
    for name, value in values.items():
        assert evaluate(name, values) == value


@pytest.mark.parametrize(
    "text",
    [
        "[str(b'', proto='pickle', allow_pickle=True) for str in [messages[0].parse_raw]]",
        "max(['/etc/hostname'], key=messages[0].parse_file)",
        "sorted([1], key=messages.append)",
        "[max(7) for max in [messages.append]]",
        "messages.append(1)",
        "messages[0].pretty_print()",
        "[call(1) for call in [messages.append]]",
    ],
)
def test_looking_calls_nothing_of_what_it_looks_at(text: str) -> None:
    messages = [HumanMessage("hello")]
    with pytest.raises(UserError):
        evaluate(text, {"messages": messages})
    assert len(messages) == 1


def test_a_field_that_has_a_functions_name_is_never_called() -> None:
    with pytest.raises(UserError):
        evaluate("len([1])", {"len": print})
    assert evaluate("len", {"len": 3}) == 3
