"""`traces.jsonl` was written by verifiers 0.4.0 itself: turns committed to its traces, with a toy tokenizer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.traces import Run
from tutelage.traces.importing import import_verifiers

Written = Callable[..., Path]
FILE = Path(__file__).parent / "traces.jsonl"


@pytest.fixture
def run(store: Path) -> Run:
    return import_verifiers(FILE, store)


@pytest.fixture
def episode() -> dict[str, Any]:
    first: dict[str, Any] = json.loads(FILE.read_text("utf-8").split("\n")[0])
    return first


def text(ids: tuple[int, ...] | None) -> str:
    assert ids is not None
    return "".join(map(chr, ids))


def test_an_episode_is_a_rollout_of_its_task(run: Run) -> None:
    rollouts = run.rollouts()
    assert [(each.status, each.repeat) for each in rollouts] == [
        ("done", 0),
        ("done", 1),
        ("done", 0),
        ("failed", 2),
        ("failed", 3),
    ]
    assert len({each.task.id for each in rollouts}) == 2
    assert (rollouts[0].task.problem, rollouts[0].task.reference) == ("What is 2 + 3?", "5")
    assert [each.error for each in rollouts[3:]] == ["ProviderError: 503", "EnvError: no box"]


def test_tokens_along_a_path_are_what_the_model_read_and_wrote(run: Run) -> None:
    one, two = run.turns(run.rollouts()[0].id)
    assert text(one.prompt_token_ids) == "<s>Be brief.\n<u>What is 2 + 3?\n<a>"
    assert text(one.completion_token_ids) == 'add{"a": 2,  "b": 3}\n'
    whole = text(one.prompt_token_ids) + text(one.completion_token_ids)
    assert text(two.prompt_token_ids) == whole + "<t>5\n<a>"
    assert text(two.completion_token_ids) == "answer: 5\n"
    assert two.logprobs is not None
    assert two.logprobs[1] == pytest.approx(-0.1235)


def test_a_message_is_a_turn_with_what_verifiers_knows_of_it(run: Run) -> None:
    one, two = run.turns(run.rollouts()[0].id)
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2,  "b": 3}'}}
    assert (one.role, one.author, one.policy, one.finish_reason) == ("agent", None, "qwen", "tool_calls")
    assert (one.completion, one.tool_calls) == ("", (call,))
    assert one.metadata["message"] == {"reasoning_content": "I should add."}
    assert one.tools[0]["function"]["name"] == "add"  # type: ignore[index, call-overload]
    assert two.messages[2]["tool_calls"] == [call]
    assert (two.parents, two.completion, two.seconds) == ((one.id,), "answer: 5", 1.25)
    assert (one.sampling.temperature, one.sampling.top_p, one.sampling.max_tokens) == (0.7, 0.95, 64)


def test_branches_and_rewritten_histories_stay_what_they_are(run: Run) -> None:
    first, sure, rewritten = run.turns(run.rollouts()[1].id)
    assert (sure.parents, rewritten.parents) == ((first.id,), ())
    assert [message["role"] for message in sure.messages] == ["user", "assistant", "user"]
    assert first.prompt_token_ids is None and first.completion_token_ids is None


def test_agents_are_roles_and_what_no_model_said_is_no_turn(run: Run) -> None:
    solver, judge = run.turns(run.rollouts()[2].id)
    assert [(each.role, each.policy) for each in (solver, judge)] == [
        ("solver", "qwen"),
        ("judge", "judge-1"),
    ]
    assert solver.messages[1] == {"role": "assistant", "content": "(an example answer)"}
    assert judge.metadata["verifiers"]["trainable"] is False  # type: ignore[index, call-overload]


def test_rewards_and_metrics_are_scores(run: Run) -> None:
    one, _, several = run.rollouts()[:3]
    found = {(row.subject, row.score.name): row.score.value for row in run.scores(one.id)}
    names = ("correct", "format", "reward", "turns")
    assert found == {
        (subject, name): pytest.approx(value)
        for subject in ("rollout", "turn")
        for name, value in zip(names, (1.0, 0.5, 1.1, 2.0), strict=True)
    }
    solver, judge = run.turns(several.id)
    owners = {(row.subject_id, row.score.name) for row in run.scores(several.id)}
    assert owners == {
        (solver.id, "correct"),
        (solver.id, "reward"),
        (judge.id, "agreed"),
        (judge.id, "reward"),
    }


def test_what_has_no_place_is_kept(run: Run) -> None:
    output: Any = run.rollouts()[0].output
    assert output["import"]["episode"]["env"] == {"id": "sums"}
    (trace,) = output["import"]["traces"]
    assert trace["info"] == {"note": "\u2028 fine"}
    assert trace["agent"]["name"] == "agent"


def test_a_line_may_be_a_single_trace(written: Written, store: Path, episode: dict[str, Any]) -> None:
    with import_verifiers(written(episode["traces"][0]), store) as run:
        assert [turn.completion for turn in run.turns()] == ["", "answer: 5"]


def test_an_interleaved_mask_leaves_the_tokens_unknown(
    written: Written, store: Path, episode: dict[str, Any]
) -> None:
    episode["traces"][0]["nodes"][2]["mask"][5] = False
    with import_verifiers(written(episode), store) as run:
        assert run.turns()[0].completion_token_ids is None
        assert run.turns()[1].completion_token_ids is not None


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("traces", 0, "version"), 2, "traces.0 is of version 2, but this importer reads 1"),
        (("traces", 0, "nodes", 1, "parent"), 3, "traces.0.nodes.1.parent: 3 is no earlier node"),
        (
            ("traces", 0, "nodes", 1, "token_ids"),
            ["x"],
            "traces.0.nodes.1.token_ids.0: input should be a valid",
        ),
        (("traces", 0, "nodes", 1, "message"), {}, "traces.0.nodes.1.message.role: field required"),
        (("traces", 0, "calls"), 5, "traces.0.calls: input should be a valid list"),
        (("traces", 0, "rewards", "correct"), 1.0, "traces.0.rewards.correct: input should be"),
        (("task",), None, "task: input should be"),
        (("traces",), 7, "traces: input should be a valid list"),
    ],
)
def test_an_episode_without_sense_is_one_clear_error(
    written: Written, store: Path, episode: dict[str, Any], place: tuple[Any, ...], value: Any, message: str
) -> None:
    inner: Any = episode
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(UserError) as caught:
        import_verifiers(written(episode), store)
    assert "file.jsonl:1: " in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
