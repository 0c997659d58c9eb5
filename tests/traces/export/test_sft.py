import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tutelage.errors import UserError
from tutelage.traces.export import export

CALL = {"id": "c1", "type": "function", "function": {"name": "calc", "arguments": '{"a": 6, "b": 7}'}}
TOOL = {"type": "function", "function": {"name": "calc", "parameters": {"type": "object", "properties": {}}}}


def test_messages_end_with_the_completion_and_prompts_stand_apart(looping: Any) -> None:
    rows = list(export(looping.run, "sft", form="messages"))
    apart = list(export(looping.run, "sft"))
    turns = {turn.id: turn for turn in looping.run.turns()}
    for row, two in zip(rows, apart, strict=True):
        turn = turns[row["turn_id"]]
        assert two["prompt"] == [dict(message) for message in turn.messages]
        assert two["completion"] == [{"role": "assistant", "content": turn.completion}]
        assert row["messages"] == two["prompt"] + two["completion"]


def test_only_what_passed_is_taken_unless_told_otherwise(looping: Any) -> None:
    assert all("answer: 1" not in row["completion"][-1]["content"] for row in export(looping.run, "sft"))
    assert len(list(export(looping.run, "sft", passed=None))) == 12
    assert len(list(export(looping.run, "sft", passed=False))) == 3


def test_turns_are_chosen_by_role_node_and_policy(toy: Any) -> None:
    recorder = toy.begin()
    for at, (role, node, policy) in enumerate([("a", "x", "p"), ("a", "y", "p"), ("b", "y", "q")]):
        toy.say(recorder, role, "Q", f"said {at}", node=node, policy=policy)
    recorder.finish()

    def said(**options: Any) -> str:
        data = export(toy.run, "sft", passed=None, **options)
        return "".join(row["completion"][-1]["content"][-1] for row in data)

    assert (said(roles="a"), said(nodes=("y",)), said(policies=["q", "p"])) == ("01", "12", "012")
    assert said(roles="a", nodes="y") == "1"


def test_errors_are_left_out_and_cut_completions_on_request(toy: Any) -> None:
    recorder = toy.begin()
    toy.say(recorder, "solver", "Q", "", error="the server is gone")
    toy.say(recorder, "solver", "Q", "cut", finish_reason="length")
    toy.say(recorder, "solver", "Q", "whole")
    recorder.finish()
    data = export(toy.run, "sft", passed=None, truncated=False)
    assert len(list(data)) == 1
    assert data.counts.dropped == {"hold an error": 1, "were cut off": 1}
    assert len(list(export(toy.run, "sft", passed=None))) == 2


def test_tool_calls_are_objects_for_trl_and_come_back_without_keys_of_others(
    toy: Any, tmp_path: Path
) -> None:
    recorder = toy.begin()
    first = toy.say(recorder, "solver", "6 times 7?", "", tools=[TOOL], tool_calls=[CALL])
    history = [
        *(
            {"role": "user", "content": "6 times 7?"},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
        ),
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    toy.say(recorder, "solver", history, "It is 42.", tools=[TOOL], parents=[first.id])
    toy.say(recorder, "solver", "7?", "7")
    recorder.finish()
    data = export(toy.run, "sft", passed=None, form="messages")
    called, answered, plain = data
    call = {**CALL, "function": {"name": "calc", "arguments": {"a": 6, "b": 7}}}
    assert called["messages"][-1] == {"role": "assistant", "content": "", "tool_calls": [call]}
    assert answered["messages"][1]["tool_calls"] == [call]
    assert [row["tools"] for row in (called, answered, plain)] == [[TOOL], [TOOL], None]
    for rows in (data.dataset(), _loaded(data.parquet(tmp_path / "rows.parquet"))):
        assert rows["messages"][:] == [called["messages"], answered["messages"], plain["messages"]]
        assert rows["tools"][0] == [TOOL]


def _loaded(path: Path) -> Any:
    table = pq.read_table(path)
    return {
        "messages": [[json.loads(each) for each in row] for row in table["messages"].to_pylist()],
        "tools": [json.loads(tools) if tools else None for tools in table["tools"].to_pylist()],
    }


def test_arguments_that_are_no_object_stay_as_the_model_wrote_them(toy: Any) -> None:
    recorder = toy.begin()
    broken = {**CALL, "function": {"name": "calc", "arguments": '{"a": '}}
    toy.say(recorder, "solver", "Q", "", tool_calls=[broken])
    recorder.finish()
    (row,) = export(toy.run, "sft", passed=None)
    assert row["completion"][-1]["tool_calls"] == [broken]


def test_calls_with_other_arguments_are_other_rows(toy: Any) -> None:
    recorder = toy.begin()
    for a in (1, 2, 2):
        call = {**CALL, "function": {"name": "calc", "arguments": json.dumps({"a": a})}}
        toy.say(recorder, "solver", "Q", "", tool_calls=[call])
    recorder.finish()
    assert len(list(export(toy.run, "sft", passed=None))) == 2


def test_answers_that_messages_train_besides_the_selected_ones_are_counted(toy: Any) -> None:
    recorder = toy.begin()
    history = [{"role": "user", "content": "Q"}]
    for text, passed in (("bad", False), ("good", True), ("best", True)):
        toy.judge(recorder, toy.say(recorder, "solver", history, text), passed)
        history = [*history, {"role": "assistant", "content": text}, {"role": "user", "content": "again"}]
    recorder.finish()
    data = export(toy.run, "sft", form="messages")
    assert len(list(data)) == 2
    assert "2 assistant messages in these rows are no completions of selected turns" in data.report()
    few = export(toy.run, "sft", form="messages", per_task=1)
    assert len(list(few)) == 1
    assert "1 assistant messages in these rows" in few.report()
    bare = export(toy.run, "sft")
    assert [row["completion"][0]["content"] for row in bare] == ["good", "best"]
    assert "assistant messages" not in bare.report()


def test_an_unknown_form_is_told(looping: Any) -> None:
    with pytest.raises(UserError, match="option 'form': Input should be 'messages', 'prompt_completion'"):
        export(looping.run, "sft", form="text")
