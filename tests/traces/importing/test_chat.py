from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.traces import Run
from tutelage.traces.importing import import_chat

Written = Callable[..., Path]

USER = {"role": "user", "content": "What is 2 + 3?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2,  "b": 3}'}}
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


@pytest.fixture
def imported(written: Written, store: Path) -> Callable[..., Run]:
    return lambda *lines: import_chat(written(*lines), store)


def test_every_assistant_message_is_a_turn_that_builds_on_the_one_before(
    imported: Callable[..., Run],
) -> None:
    again = {"role": "user", "content": "Sure?"}
    first, second = {"role": "assistant", "content": "6"}, {"role": "assistant", "content": "5"}
    with imported({"messages": [USER, first, again, second]}) as run:
        one, two = run.turns()
        assert (one.messages, one.completion, one.parents) == ((USER,), "6", ())
        assert (two.messages, two.completion, two.parents) == ((USER, first, again), "5", (one.id,))
        assert run.rollouts()[0].status == "done"


def test_what_the_file_does_not_say_is_unknown(imported: Callable[..., Run]) -> None:
    with imported({"messages": [USER, {"role": "assistant", "content": "5"}]}) as run:
        (turn,) = run.turns()
        assert (turn.author, turn.model, turn.role, turn.node) == ("import", "unknown", "assistant", None)
        assert (turn.prompt_token_ids, turn.completion_token_ids, turn.logprobs) == (None, None, None)
        assert (turn.finish_reason, turn.error, turn.metadata) == (None, None, {})


def test_a_name_is_the_role_and_a_model_is_the_policy(imported: Callable[..., Run]) -> None:
    line = {"messages": [USER, {"role": "assistant", "name": "critic", "content": "no"}], "model": "gpt-9"}
    with imported(line) as run:
        (turn,) = run.turns()
        assert (turn.role, turn.model, turn.policy) == ("critic", "gpt-9", "gpt-9")


def test_tool_calls_and_tools_are_the_turns(imported: Callable[..., Run]) -> None:
    result = {"role": "tool", "tool_call_id": "c1", "content": "5"}
    spoken = {"role": "assistant", "tool_calls": [CALL]}
    line = {"messages": [USER, spoken, result, {"role": "assistant", "content": "5"}], "tools": TOOLS}
    with imported(line) as run:
        one, two = run.turns()
        assert (one.completion, one.tool_calls, one.tools) == ("", (CALL,), tuple(TOOLS))
        assert two.messages == (USER, spoken, result)


def test_arguments_given_as_an_object_become_json_text(imported: Callable[..., Run]) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 2}}}
    with imported({"messages": [USER, {"role": "assistant", "tool_calls": [call]}]}) as run:
        (turn,) = run.turns()
        assert turn.tool_calls[0]["function"] == {"name": "add", "arguments": '{"a": 2}'}


def test_the_text_of_parts_is_the_completion(imported: Callable[..., Run]) -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "refusal", "refusal": "x"},
        {"type": "text", "text": "b"},
    ]
    with imported({"messages": [USER, {"role": "assistant", "content": parts}]}) as run:
        (turn,) = run.turns()
        assert turn.completion == "ab"
        assert turn.metadata == {"message": {"content": parts}}


def test_conversations_that_begin_alike_are_rollouts_of_one_task(imported: Callable[..., Run]) -> None:
    lines = [{"messages": [USER, {"role": "assistant", "content": text}]} for text in ("5", "6", "5")]
    other = {"messages": [{"role": "user", "content": "else"}, {"role": "assistant", "content": "5"}]}
    with imported(*lines, other) as run:
        rollouts = run.rollouts()
        assert [rollout.repeat for rollout in rollouts] == [0, 1, 2, 0]
        assert len({rollout.task.id for rollout in rollouts}) == 2
        assert rollouts[0].task.problem == "What is 2 + 3?"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"messages": []}, "'messages' must be a list of at least one message"),
        ({"messages": "hi"}, "'messages' must be a list"),
        ({"messages": [USER]}, "no message of role 'assistant'"),
        ({"messages": [USER, "hi"]}, "messages[1] must be an object with 'role' and 'content', not 'hi'"),
        ({"messages": [{"content": "x"}]}, "messages[0].role must be a string"),
        (
            {"messages": [USER | {"content": 5}]},
            "messages[0].content must be a string, a list of parts or null",
        ),
        ({"messages": [USER, {"role": "assistant"}]}, "messages[1] says nothing"),
        (
            {"messages": [{"role": "assistant", "content": "", "name": 3}]},
            "messages[0].name must be a string",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": "x"}]}, "messages[0].tool_calls must be a list"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]},
            "tool_calls[0].function must be an",
        ),
        ({"messages": [USER, {"role": "assistant", "content": "5"}], "tools": {}}, "'tools' must be a list"),
    ],
)
def test_a_line_that_is_no_conversation_is_one_clear_error(
    written: Written, store: Path, line: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        import_chat(written(line), store)
    assert "file.jsonl:1: " in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
