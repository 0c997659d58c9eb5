import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage import Sampling, Task
from tutelage.errors import UserError
from tutelage.traces import Rollout, Run, Turn
from tutelage.traces.export.formats.atif import trajectory

CHECK = Path(__file__).with_name("harbor_check.py")
TEXT = st.text(st.characters(), max_size=30)
ROLLOUT = Rollout(
    id="r1", run_id="run", task=Task(id="t", problem="p"), repeat=0, status="done", started=1.0, ended=2.0
)


def turn(id: str, messages: list[Any], completion: str, **fields: Any) -> Turn:
    plain: dict[str, Any] = {
        "role": "solver",
        "call": 0,
        "sampling": Sampling(),
        "model": "m",
        "policy": "p",
        "started": 1.0,
        "seconds": 0.5,
    }
    return Turn(id=id, rollout_id="r1", messages=tuple(messages), completion=completion, **plain | fields)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def documents(run: Run) -> list[dict[str, Any]]:
    return [row["document"] for row in run.export("atif")]


def steps_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [document, *document.get("subagent_trajectories", [])]
    return [step for part in parts for step in part["steps"]]


def test_one_straight_conversation_is_the_trajectory_itself() -> None:
    first = turn("a", [user("p")], "41")
    second = turn("b", [user("p"), said("41"), user("no")], "42", call=1)
    document = trajectory(ROLLOUT, [first, second])
    assert document["trajectory_id"] == "r1"
    assert document["agent"]["name"] == "solver"
    assert "subagent_trajectories" not in document
    assert [(step["source"], step["message"]) for step in document["steps"]] == [
        ("user", "p"),
        ("agent", "41"),
        ("user", "no"),
        ("agent", "42"),
    ]
    assert not any("is_copied_context" in step for step in document["steps"])


def test_a_rollout_without_turns_is_its_task() -> None:
    document = trajectory(ROLLOUT, [])
    assert [step["message"] for step in document["steps"]] == ["p"]


def test_every_turn_is_the_author_of_one_step_that_is_not_copied(looped: Run) -> None:
    for rollout, document in zip(looped.rollouts(), documents(looped), strict=True):
        fresh = [step for step in steps_of(document) if step["source"] == "agent" and "metrics" in step]
        assert not any(step.get("is_copied_context") for step in fresh)
        written = [step["extra"]["turn_id"] for step in fresh]
        assert sorted(written) == sorted(turn.id for turn in looped.turns(rollout.id))


def test_samples_and_forks_are_branches_with_their_beginnings_marked_as_copied(looped: Run) -> None:
    document = documents(looped)[0]
    shapes = [
        (part["agent"]["name"], [step.get("is_copied_context", False) for step in part["steps"]])
        for part in document["subagent_trajectories"]
    ]
    assert shapes == [
        ("solver", [False, False]),
        ("solver", [True, False, False, False]),
        ("solver", [True, True, False, False]),
        ("reviewer", [False, False, False]),
        ("critic", [False, False]),
    ]
    named = {part["trajectory_id"] for part in document["subagent_trajectories"]}
    results = [result for step in document["steps"][1:] for result in step["observation"]["results"]]
    assert {ref["trajectory_id"] for result in results for ref in result["subagent_trajectory_ref"]} == named


def test_tokens_and_log_probabilities_are_the_recorded_ones(looped: Run) -> None:
    metrics = documents(looped)[0]["subagent_trajectories"][0]["steps"][1]["metrics"]
    assert metrics == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "prompt_token_ids": [1, 2, 3],
        "completion_token_ids": [4, 5],
        "logprobs": [-0.5, -0.25],
    }


def test_what_was_not_recorded_is_absent() -> None:
    known = turn("a", [user("p")], "41", completion_token_ids=(4,), logprobs=(float("-inf"),))
    document = trajectory(ROLLOUT, [known, turn("b", [user("p"), said("41"), user("no")], "42", call=1)])
    assert document["steps"][1]["metrics"]["completion_tokens"] == 1
    assert "logprobs" not in document["steps"][1]["metrics"]
    assert "metrics" not in document["steps"][3]
    assert document["final_metrics"] == {"total_steps": 4}
    person = trajectory(
        ROLLOUT, [turn("a", [user("p")], "42", author="person:ada", completion_token_ids=(4,))]
    )
    assert person["steps"][1]["llm_call_count"] == 0
    assert "metrics" not in person["steps"][1]


def test_a_tool_s_answer_is_the_observation_of_the_step_that_called(looped: Run) -> None:
    reviewer = documents(looped)[0]["subagent_trajectories"][3]
    call, verdict = reviewer["steps"][1:]
    assert call["tool_calls"] == [
        {"tool_call_id": "c1", "function_name": "calc", "arguments": {"a": 6, "b": 7}}
    ]
    assert call["observation"] == {"results": [{"source_call_id": "c1", "content": "42"}]}
    assert verdict["message"] == "verdict: right"
    assert [tool["function"]["name"] for tool in reviewer["agent"]["tool_definitions"]] == ["calc"]


@pytest.mark.parametrize("arguments", ["{not JSON", "[1]", '{"a": NaN}', "[" * 100_000])
def test_arguments_that_are_no_object_keep_their_text(arguments: str) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
    document = trajectory(ROLLOUT, [turn("a", [user("p")], "", tool_calls=(call,))])
    (found,) = document["steps"][1]["tool_calls"]
    assert found["arguments"] == {}
    assert found["extra"] == {"arguments_text": arguments}


def test_lineage_and_scores_are_in_extra(looped: Run) -> None:
    rollout, document = looped.rollouts()[0], documents(looped)[0]
    extra = document["extra"]
    assert document["session_id"] == extra["run_id"] == looped.id
    assert (extra["task_id"], extra["rollout_id"], extra["answer"]) == ("t1", rollout.id, "42")
    (score,) = extra["scores"]
    assert (score["name"], score["steps"], score["feedback"]) == ("exact", [1.0, 0.0], "as the reference")
    (candidate,) = extra["candidates"]
    assert candidate["scores"][0]["passed"] is True
    assert "text" not in candidate
    (verdict,) = document["subagent_trajectories"][3]["steps"][2]["extra"]["scores"]
    assert verdict["value"] is None


@given(TEXT, TEXT, TEXT)
def test_any_text_becomes_valid_json_and_comes_back_but_for_lone_surrogates(
    problem: str, completion: str, note: str
) -> None:
    rollout = ROLLOUT.model_copy(update={"task": Task(id="t", problem=problem)})
    first = turn("a", [user(problem)], completion, metadata={note: note})
    second = turn("b", [user(problem), said(completion), user(note)], "", call=1)
    document = trajectory(rollout, [first, second])
    line = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    messages = [step["message"] for step in json.loads(line)["steps"]]
    assert messages == [
        text.encode("utf-8", "backslashreplace").decode() for text in (problem, completion, note, "")
    ]


def test_options_of_training_data_are_refused(looped: Run) -> None:
    with pytest.raises(UserError, match="context"):
        looped.export("atif", context="task")


def test_rollouts_are_taken_whole_where_a_turn_is_as_asked_for(looped: Run) -> None:
    role = looped.turns()[0].role
    node = next(turn.node for turn in looped.turns() if turn.role != role and turn.node)
    export = looped.export("atif", roles=role, nodes=node)
    assert list(export) == []
    assert export.counts.dropped == {"have no turn that was asked for": 2}
    assert len(documents(looped)) == 2


@pytest.mark.slow
def test_harbor_s_published_models_take_every_document(looped: Run, consumers: Path, tmp_path: Path) -> None:
    path = looped.export("atif").jsonl(tmp_path / "atif.jsonl")
    large = turn("a", [user("x" * 10_000_000)], "\ud83d" * 1000, logprobs=(-0.5,), completion_token_ids=(1,))
    broken = trajectory(ROLLOUT, [large])
    whole = [json.dumps(trajectory(ROLLOUT, turns)) for turns in ([large], [])]
    broken["steps"][0]["step_id"] = 7
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in (*whole, json.dumps(broken)))
    checked = subprocess.run([consumers / "python", CHECK, path], capture_output=True, text=True, check=True)
    *taken, refused = json.loads(checked.stdout)
    assert taken == [None] * 4
    assert "step_id" in refused
