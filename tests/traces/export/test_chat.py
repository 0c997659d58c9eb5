import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tutelage import Sampling, Score, Task
from tutelage.errors import UserError
from tutelage.traces import RolloutRecorder, Run, Store, Turn
from tutelage.traces.export.formats.chat import chat_line
from tutelage.traces.importing import import_chat

Say = Callable[..., Turn]

USER = {"role": "user", "content": "What is 6 times 7?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "times", "arguments": '{"a": 6}'}}


def assistant(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


@pytest.fixture
def run() -> Iterator[Run]:
    with Store.memory().start_run({}) as run:
        yield run


@pytest.fixture
def recorder(run: Run) -> RolloutRecorder:
    return run.begin(Task(id="t1", problem="What is 6 times 7?"))


@pytest.fixture
def say(recorder: RolloutRecorder) -> Say:
    def say(*messages: Any, said: str = "42", **fields: Any) -> Turn:
        plain: dict[str, Any] = {"role": "solver", "sampling": Sampling(), "model": "m", "policy": "p"}
        return recorder.turn(messages=messages, completion=said, started=1.0, seconds=0.1, **plain | fields)

    return say


def lines(run: Run, **options: Any) -> list[Any]:
    return [row["document"] for row in run.export("chat", **options)]


def test_a_conversation_is_one_line_with_all_its_answers(
    run: Run, recorder: RolloutRecorder, say: Say
) -> None:
    again = {"role": "user", "content": "Sure?"}
    say(USER)
    say(USER, assistant("42"), again, said="yes")
    recorder.finish()
    assert lines(run) == [{"messages": [USER, assistant("42"), again, assistant("yes")]}]


def test_answers_of_roles_that_are_not_trained_have_weight_0(
    run: Run, recorder: RolloutRecorder, say: Say
) -> None:
    say(USER, said="41")
    say(USER, assistant("41"), USER, said="wrong", role="reviewer")
    say(USER, assistant("41"), USER, assistant("wrong"), USER)
    recorder.finish()
    (line,) = lines(run, roles="solver")
    assert [message.get("weight") for message in line["messages"]] == [None, None, None, 0, None, None]
    (line,) = lines(run, roles="reviewer")
    assert line["messages"] == [USER, assistant("41", weight=0), USER, assistant("wrong")]


def test_answers_that_nobody_in_the_rollout_said_are_not_trained(
    run: Run, recorder: RolloutRecorder, say: Say
) -> None:
    say(USER, assistant("an example"), USER)
    recorder.finish()
    (line,) = lines(run)
    assert line["messages"] == [USER, assistant("an example", weight=0), USER, assistant("42")]


def test_a_shared_beginning_is_trained_once(run: Run, recorder: RolloutRecorder, say: Say) -> None:
    first = say(USER)
    for said in ("yes", "no"):
        say(USER, assistant("42"), USER, said=said, parents=[first.id])
    recorder.finish()
    one, two = lines(run)
    assert one["messages"] == [USER, assistant("42"), USER, assistant("yes")]
    assert two["messages"] == [USER, assistant("42", weight=0), USER, assistant("no")]
    with pytest.raises(UserError, match="no role 'nobody'"):
        lines(run, roles="nobody")


def test_prompts_that_do_not_continue_are_lines_of_their_own(
    run: Run, recorder: RolloutRecorder, say: Say
) -> None:
    say(USER)
    say({"role": "user", "content": "Review: 42"}, said="right", role="reviewer")
    say(USER, said="43", call=0, sample=1)
    recorder.finish()
    assert [line["messages"][-1]["content"] for line in lines(run)] == ["42", "right", "43"]


def test_one_line_a_turn(run: Run, recorder: RolloutRecorder, say: Say) -> None:
    say(USER)
    say(USER, assistant("42"), USER, said="yes")
    recorder.finish()
    one, two = lines(run, per="turn")
    assert one["messages"] == [USER, assistant("42")]
    assert two["messages"] == [USER, assistant("42", weight=0), USER, assistant("yes")]


def test_tool_calls_and_tools_are_as_the_format_wants_them(
    run: Run, recorder: RolloutRecorder, say: Say
) -> None:
    schema = {"type": "function", "function": {"name": "times", "parameters": {}, "x": 1}, "y": 2}
    loose = {"id": "c1", "function": {"name": "times", "arguments": {"a": 6}}}
    result = {"role": "tool", "tool_call_id": "c1", "content": "42"}
    say(USER, said="", tool_calls=[CALL], tools=[schema])
    say(USER, assistant("", tool_calls=[loose]), result, tools=[schema])
    recorder.finish()
    export = run.export("chat")
    (row,) = export
    line = row["document"]
    assert line["tools"] == [{"type": "function", "function": {"name": "times", "parameters": {}}}]
    assert line["messages"][1] == assistant("", tool_calls=[CALL])
    assert "1 lines had keys that OpenAI's format does not know" in export.report()
    assert lines(run, verbatim=True)[0]["tools"] == [schema]


def test_a_message_that_the_format_cannot_say_drops_the_line_and_is_counted(
    run: Run, recorder: RolloutRecorder, say: Say
) -> None:
    say({"role": "oracle", "content": "x"})
    say({"role": "user"}, said="43")
    say(USER, said="44")
    recorder.finish()
    export = run.export("chat")
    assert [row["document"]["messages"][-1]["content"] for row in export] == ["44"]
    assert export.counts.dropped == {"hold a message that OpenAI's format cannot say": 2}


def test_lineage_stands_under_metadata_or_in_a_second_file(
    run: Run, recorder: RolloutRecorder, say: Say, tmp_path: Path
) -> None:
    turn = say(USER)
    recorder.score(Score(name="exact", value=1.0, passed=True), subject="turn", subject_id=turn.id)
    recorder.finish()
    (line,) = lines(run, lineage="metadata")
    assert line["messages"] == [USER, assistant("42")]
    assert line["metadata"]["row_id"] == f"{run.id}/{turn.id}"
    assert (line["metadata"]["turn_ids"], line["metadata"]["roles"]) == ([turn.id], ["solver"])
    assert json.loads(line["metadata"]["scores"])[0]["name"] == "exact"
    (beside,) = lines(run, lineage="only")
    assert beside == line["metadata"]
    path = run.export("chat", lineage="only").jsonl(tmp_path / "lineage.jsonl")
    assert json.loads(path.read_text("utf-8")) == beside


def test_what_an_importer_kept_comes_back(tmp_path: Path) -> None:
    strict = {
        "messages": [
            {"role": "developer", "content": "d"},
            USER | {"name": "eve"},
            {"role": "assistant", "tool_calls": [CALL], "weight": 0},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "42"}]},
            {"role": "assistant", "content": None, "refusal": "no", "name": "bob", "weight": 1},
        ],
        "tools": [{"type": "function", "function": {"name": "times"}}],
        "parallel_tool_calls": False,
    }
    foreign = {"messages": [USER, assistant("42", mood="good"), USER], "id": 7}
    path = tmp_path / "chat.jsonl"
    path.write_text(f"{json.dumps(strict)}\n{json.dumps(foreign)}\n")
    with import_chat(path, Store.memory()) as run:
        assert lines(run, verbatim=True) == [strict, foreign]
        assert lines(run) == [strict, {"messages": [USER, assistant("42")]}]


@pytest.mark.parametrize("text", ["\u2028", "\x85", "\ud800", "\0\x1b[2J", "é", '{"a": 1}\n', ""])
def test_a_line_is_one_line_of_valid_text(text: str) -> None:
    line = chat_line({text: text})
    line.encode()
    assert len(line.splitlines()) == 1
    assert json.loads(line) == {text: text}
