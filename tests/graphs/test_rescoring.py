from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from tutelage.errors import StoreError, UserError
from tutelage.graphs import majority_vote, rollout
from tutelage.graphs.rescoring import recorded_solution, rescore
from tutelage.tools import exact, family_answer, numeric
from tutelage.traces import Run, Store
from tutelage.types import Score, Task

MakeTasks = Callable[[int], list[Task]]


class Counting:
    name = "counting"

    def __init__(self, fails_on: str = "") -> None:
        self.calls: list[tuple[str, str]] = []
        self.fails_on = fails_on

    def answer(self, solution: str) -> str | None:
        return solution

    def score(self, task: Task, solution: str) -> Score:
        self.calls.append((task.id, solution))
        if task.id == self.fails_on:
            raise RuntimeError("no ruler")
        return Score(name=self.name, value=len(solution))


@pytest.fixture
def recorded(tmp_path: Path, tasks: MakeTasks, speaker: Callable[..., object]) -> Path:
    """Three tasks with four samples each, of which two are the same."""
    says = {"solver": lambda prompt, sample: f"answer: {min(sample, 2)}"}
    graph = majority_vote(speaker(says).model(), 4, exact)  # type: ignore[attr-defined]
    rollout(graph, tasks(3), verifier=exact, store=tmp_path / "run", progress=False).close()
    return tmp_path / "run"


def test_every_candidate_and_every_solution_is_scored(recorded: Path) -> None:
    judge = Counting()
    with rescore(recorded, judge) as run:
        scores = [row for row in run.scores() if row.score.name == "counting"]
        assert {row.subject for row in scores} == {"candidate", "rollout"}
        assert len(scores) == 3 * (4 + 1)
        texts = {each.id: each.text for each in run.candidates()}
        for row in scores:
            if row.subject == "candidate":
                assert row.score.value == len(texts[row.subject_id])
    assert len(judge.calls) == 3 * 3


def test_a_second_verifier_counts_as_the_first_did(recorded: Path) -> None:
    with rescore(recorded, numeric) as run:
        found = run.summary()["scores"]
    assert found["numeric"] == found["exact"]


def test_scoring_again_replaces_nothing(recorded: Path) -> None:
    rescore(recorded, numeric).close()
    with rescore(recorded, numeric) as run:
        assert len([row for row in run.scores() if row.score.name == "numeric"]) == 2 * 15
        assert run.summary()["scores"]["numeric"]["scored"] == 3


def test_a_task_that_cannot_be_judged_leaves_nothing_behind(recorded: Path) -> None:
    with pytest.raises(UserError, match="family"):
        rescore(recorded, family_answer)
    with pytest.raises(UserError, match="'counting' fails on task 't2': RuntimeError: no ruler"):
        rescore(recorded, Counting(fails_on="t2"))
    with Run.open(recorded) as run:
        assert {row.score.name for row in run.scores()} == {"exact"}


def test_the_run_can_be_written_by_others_afterwards(recorded: Path) -> None:
    with rescore(recorded, numeric), Store.open(recorded):
        pass


def test_what_is_no_run_or_no_verifier_is_refused(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        rescore(tmp_path / "nowhere", exact)
    with pytest.raises(UserError, match="str has not"):
        rescore(recorded, "exact")  # type: ignore[arg-type]
    Store.open(tmp_path / "empty").start_run({}).close()
    with pytest.raises(UserError, match="nothing to score"):
        rescore(tmp_path / "empty", exact)
    with Store.open(recorded), pytest.raises(StoreError, match="being written"):
        rescore(recorded, exact)


def test_progress_is_told(recorded: Path) -> None:
    told: list[tuple[int, int]] = []
    rescore(recorded, exact, progress=lambda judged, total: told.append((judged, total))).close()
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_solution_of_a_graph_of_messages_is_its_last_answer(tmp_path: Path, tasks: MakeTasks) -> None:
    graph = StateGraph(MessagesState)
    said = AIMessage([{"type": "text", "text": "answer: "}, {"type": "text", "text": "1"}])
    graph.add_node("talk", lambda state: {"messages": [said]})
    graph.add_edge(START, "talk")
    graph.add_edge("talk", END)
    rollout(graph, tasks(1), verifier=exact, store=tmp_path / "run", progress=False).close()
    with rescore(tmp_path / "run", numeric) as run:
        (only,) = run.rollouts()
        assert recorded_solution(run, only) == "answer: 1"
        assert run.summary()["scores"]["numeric"]["passed"] == 1


def test_without_a_final_state_the_last_candidate_or_turn_is_the_solution(tmp_path: Path) -> None:
    with Store.open(tmp_path / "run").start_run({}) as run:
        recorder = run.begin(Task(id="t", problem="?", reference="4"))
        assert recorded_solution(run, recorder.rollout) == ""
        recorder.candidate("answer: 4")
        recorder.finish()
        assert recorded_solution(run, run.rollouts()[0]) == "answer: 4"
