"""Branches of a debugging session: rollouts whose turns and candidates go on from those of another rollout."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tutelage import Score, Task
from tutelage.cli import main
from tutelage.traces import RolloutRecorder, Run, Store, Turn, merge_runs
from tutelage.traces.export import FORMATS, export
from tutelage.traces.looking import Wanted, look
from tutelage.training import Evaluation, select

TASK = Task(id="t1", problem="What is 6 times 7?", reference="42", solution="Six sevens are 42.")
ENDS = ("done", "failed", "running", "dropped")


class Forked(NamedTuple):
    """A run of three rollouts."""

    run: Run
    main: str
    """Solved wrongly, and reviewed."""
    solution: Turn
    fork: str
    """Goes on after the solution: reviewed and refined."""
    review: Turn
    refined: Turn
    copy: str
    """Goes on after the fork's last turn, and says nothing of its own."""


def say(recorder: RolloutRecorder, role: str, messages: list[Any] | str, text: str, **more: Any) -> Turn:
    asked = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    fields: dict[str, Any] = {
        "node": role,
        "sampling": {"temperature": 0.5},
        "model": "vllm:DIR",
        "policy": "0123456789abcdef",
        "started": 1_750_000_000.0,
        "seconds": 0.5,
        "finish_reason": "stop",
        "prompt_token_ids": [1, *json.dumps(asked).encode()],
        "completion_token_ids": [*text.encode(), 2],
        "logprobs": [-0.5] * (len(text.encode()) + 1),
    }
    return recorder.turn(role=role, messages=asked, completion=text, **fields | more)


def ending(recorder: RolloutRecorder, *candidates: tuple[Turn, bool]) -> None:
    """The end of a rollout as the batch writes it: all its solutions with their turns, and its score."""
    before: list[str] = []
    for number, (turn, passed) in enumerate(candidates):
        made = recorder.candidate(turn.completion, turn_id=turn.id, parents=before, round=number)
        recorder.score(exact(passed), subject="candidate", subject_id=made.id)
        before = [made.id]
    recorder.score(exact(candidates[-1][1]))
    recorder.finish(candidates[-1][0].completion, {"solution": candidates[-1][0].completion})


def exact(passed: bool) -> Score:
    return Score(name="exact", value=float(passed), passed=passed, steps=(float(passed),))


def reviewed(recorder: RolloutRecorder, solution: Turn, thought: str = "") -> Turn:
    said = f"{thought}verdict: wrong at step 1"
    turn = say(recorder, "reviewer", "Check: 6*7=41", said, parents=[solution.id])
    verdict = Score(name="verdict", value=0.0, passed=False)
    recorder.score(verdict, subject="turn", subject_id=turn.id)
    return turn


@pytest.fixture(params=ENDS)
def forked(request: pytest.FixtureRequest, directory: Path) -> Any:
    with Store.open(directory).start_run({}) as run:
        yield fork(run, request.param)


def fork(run: Run, end: str) -> Forked:
    first, second, third = (run.begin(TASK, repeat) for repeat in range(3))
    solution = say(first, "solver", TASK.problem, "6*7=41 answer")
    reviewed(first, solution, "Hm. ")
    if end == "done":
        ending(first, (solution, False))
    elif end == "failed":
        first.fail("no room")
    elif end == "dropped":
        run.drop(first.rollout.id)
    review = reviewed(second, solution)
    asked = f"{TASK.problem} You said 6*7=41 answer and were told verdict: wrong at step 1"
    refined = say(second, "refiner", asked, "6*7=42 answer", parents=[solution.id, review.id])
    ending(second, (solution, False), (refined, True))
    ending(third, (solution, False), (refined, True))
    return Forked(run, first.rollout.id, solution, second.rollout.id, review, refined, third.rollout.id)


class Teacher:
    """Finds every token the likeliest."""

    def top_k_of(self, pairs: Sequence[Any], k: int) -> list[Any]:
        return [([[id] * k for id in said], [[-1.0] * k for _ in said]) for _, said in pairs]


def rows(run: Run, to: str, **options: Any) -> list[dict[str, Any]]:
    more = {"teacher": Teacher()} if to == "distill" else {}
    return list(export(run, to, **more | options))


@pytest.mark.parametrize("to", sorted(FORMATS))
def test_every_format_takes_a_forked_rollout(forked: Forked, to: str) -> None:
    found = rows(forked.run, to)
    whole = to in ("atif", "otel", "chat")
    ids = [row["rollout_id"] for row in found if "rollout_id" in row]
    assert forked.main not in ids or forked.run.rollout(forked.main).status == "done"
    if to in ("sft", "distill", "grpo", "kto", "sdft", "sdpo"):
        assert forked.fork in ids
    elif whole:
        assert forked.refined.id in json.dumps(found) or to == "chat"


@pytest.mark.parametrize(
    "to, options",
    [
        ("sft", {"form": "messages"}),
        ("sft", {"form": "tokens", "context": "root"}),
        ("grpo", {"form": "groups", "flat": True}),
        ("dpo", {"pairs": "fork"}),
        ("dpo", {"pairs": "verdict"}),
        ("dpo", {"pairs": "step"}),
        ("reward", {"pairs": "outcome", "context": "task"}),
        ("otel", {"content": True, "tokens": True}),
        ("chat", {"per": "turn", "lineage": "metadata"}),
    ],
)
def test_every_form_takes_a_forked_rollout(forked: Forked, to: str, options: dict[str, Any]) -> None:
    rows(forked.run, to, **options)


def test_a_branchs_review_is_judged_by_the_solution_it_forked_from(forked: Forked) -> None:
    found = {row["turn_id"]: row["label"] for row in rows(forked.run, "kto")}
    assert found[forked.review.id] is True
    assert found[forked.refined.id] is True


def test_the_root_of_a_branch_is_where_the_first_one_began(forked: Forked) -> None:
    (row,) = [row for row in rows(forked.run, "sdft") if row["turn_id"] == forked.refined.id]
    assert row["prompt"] == [{"role": "user", "content": TASK.problem}]
    assert "6*7=41 answer" in row["privileged_context"]


def test_a_refinement_is_paired_with_the_solution_of_another_rollout(directory: Path) -> None:
    with Store.open(directory).start_run({}) as run:
        forked = fork(run, "done")
        (pair,) = rows(run, "dpo", pairs="refinement")
        assert (pair["turn_id"], pair["rejected_turn_id"]) == (forked.refined.id, forked.solution.id)
        assert pair["prompt"] == [{"role": "user", "content": TASK.problem}]


def test_an_answer_selected_in_the_rollout_that_was_forked_is_no_strangers(directory: Path) -> None:
    with Store.open(directory).start_run({}) as run:
        first, second = run.begin(TASK, 0), run.begin(TASK, 1)
        asked = {"role": "user", "content": TASK.problem}
        solution = say(first, "solver", [asked], "42")
        ending(first, (solution, True))
        quoted = [asked, {"role": "assistant", "content": "42"}, {"role": "user", "content": "Sure?"}]
        again = say(second, "solver", quoted, "Yes, 42", parents=[solution.id])
        ending(second, (solution, True), (again, True))
        made = export(run, "sft", form="messages")
        assert len(list(made)) == 2
        assert "no completions of selected turns" not in made.report()


def test_nothing_that_was_sampled_is_trained_twice_or_lost(forked: Forked) -> None:
    made = export(forked.run, "sft", form="tokens", passed=None)
    found = list(made)
    done = [turn for turn in forked.run.turns() if forked.run.rollout(turn.rollout_id).status == "done"]
    assert sum(sum(row["completion_mask"]) for row in found) == sum(
        len(turn.completion_token_ids or ()) for turn in done
    )
    assert made.tokens is not None and made.tokens.lost == 0


def test_graph_and_branches_keep_to_their_rollout(forked: Forked) -> None:
    graph = forked.run.graph(forked.fork)
    assert list(graph.edges) == [(forked.review.id, forked.refined.id)]
    assert list(forked.run.branches(forked.fork)) == [(forked.review, forked.refined)]
    assert list(forked.run.branches(forked.copy)) == []
    assert forked.run.turn(forked.refined.id).parents == (forked.solution.id, forked.review.id)


def test_report_evaluation_selection_and_looking_take_them(forked: Forked) -> None:
    run = forked.run
    score = run.summary()["scores"]["exact"]
    assert (score["passed"], score["wrong_to_right"]) == (2, 2)
    assert "exact: 2 of" in run.report()
    assert {example.turn_id for example in select(run).examples} == {forked.refined.id}
    seen = {each.turn.id: each for each in look(run, Wanted(verdict="wrong"))}
    assert seen[forked.review.id].score.passed is True
    if run.rollout(forked.main).status != "failed":
        assert Evaluation.of(run).samples >= 2


def test_show_tells_of_them(forked: Forked, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (forked.fork, forked.copy, forked.refined.id, forked.solution.id, TASK.id):
        for more in ((), ("--json",)):
            with pytest.raises(SystemExit) as stopped:
                main(["show", str(forked.run.path), name, *more])
            assert (stopped.value.code, capsys.readouterr().err) == (0, "")


def test_a_merged_run_has_the_same_parents(forked: Forked, tmp_path: Path) -> None:
    with merge_runs([str(forked.run.path)], tmp_path / "merged") as merged:
        for rollout in (forked.fork, forked.copy):
            assert merged.turns(rollout) == forked.run.turns(rollout)
            assert merged.candidates(rollout) == forked.run.candidates(rollout)
        if forked.run.rollout(forked.main).status != "running":
            assert rows(merged, "sdft") == [
                {**row, "row_id": row["row_id"].replace(forked.run.id, merged.id)}
                for row in rows(forked.run, "sdft")
            ]
