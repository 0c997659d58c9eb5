import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import scripted
from tutelage.tools import make_tasks
from tutelage.tools.families import family_of
from tutelage.types import Task

ROOT = Path(__file__).parent.parent


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example, which is found from the checkout only."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("examples.debugging_story")


@pytest.fixture
def benchmarks(story: Any) -> Any:
    return importlib.import_module("benchmarks.__main__")


def one() -> Task:
    (task,) = make_tasks("arithmetic", 3, 1, seed=0)
    return task


def reviewer(story: Any, exact: bool) -> Any:
    """A model that reviews without a mistake what has no spaces at its ends, or says nothing that can be read."""

    def answer(messages: Any, sample: int) -> str:
        shown = re.fullmatch(
            r"Problem: (.*?)\n\nSolution:\n(.*?)\n\nCheck.*", messages[-1]["content"], re.DOTALL
        )
        assert shown is not None and "  \n" not in shown[2]
        return family_of(one()).review(one(), shown[2]) if exact else "no verdict"

    return scripted(answer)


def test_a_layout_changes_lines_and_nothing_that_they_say(story: Any) -> None:
    solution = str(one().solution)
    shown = story.as_markdown(solution)
    assert shown.count("  \n") == shown.count("\n") == solution.count("\n") > 0
    assert story.as_markdown(shown) == shown
    assert story.as_written(shown) == solution
    assert story.is_right(one(), shown)


def test_the_graph_shows_its_reviewer_what_is_laid_out(story: Any) -> None:
    task, seen = one(), []

    def answer(messages: Any, sample: int) -> str:
        seen.append(messages[-1]["content"])
        return str(task.solution) if "Solution:" not in seen[-1] else "verdict: right"

    story.laid_out(scripted(answer)).compile().invoke({"problem": task.problem, "round": 0})
    assert story.as_markdown(task.solution) in seen[-1]


def test_only_a_review_that_is_true_is_taught(story: Any) -> None:
    task = one()
    solution = story.as_markdown(task.solution)
    assert story.true_reviews(reviewer(story, exact=True), [(task, solution)]) == [
        family_of(task).review(task, str(task.solution))
    ]
    assert story.true_reviews(reviewer(story, exact=False), [(task, solution)]) == [None]


def test_the_breakpoint_holds_at_right_solutions_called_wrong_alone(story: Any) -> None:
    task = one()
    state = {"task": task.model_dump(mode="json"), "solution": story.as_markdown(task.solution)}
    assert story.called_wrong({**state, "verdict": "wrong"})
    assert not story.called_wrong({**state, "verdict": "right"})
    assert not story.called_wrong({**state, "solution": "2+11=13", "verdict": "wrong"})


def test_the_exam_counts_pairs(benchmarks: Any) -> None:
    exam = importlib.import_module("benchmarks.storytelling.exam")
    found = exam.paired([False] * 8 + [True] * 2, [True] * 9 + [False])
    assert (found["n"], found["errors_before"], found["errors_after"], found["gain"]) == (10, 8, 1, 0.7)
    assert found["p"] == pytest.approx(0.0390625)
    assert found["interval"][0] < 0.7 < found["interval"][1]


@pytest.mark.slow
def test_the_story_is_told_from_the_false_verdict_to_the_exam(
    benchmarks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "story")
    assert benchmarks.main(["story", "--quick", "--model", "embedded+transformers", "--out", out]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    tasks = told["heldout"]["tasks"]
    assert (told["resamples"], tasks > 0) == (8, True)
    assert told["interval"][0] <= told["gain"] <= told["interval"][1]
    assert told["class_errors_after"] <= tasks and 0 < told["class_errors_before"] <= tasks
    assert 0 < told["p"] <= 1
    rows = told["seeds"][0]["rows"]
    assert min(rows.values()) > 0
    assert "laid out" in importlib.import_module("benchmarks.story").render(told)
