import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import scripted
from tutelage.tools.families import FAMILIES, split_of
from tutelage.tools.families.arithmetic import describe, parse
from tutelage.types import Task

ROOT = Path(__file__).parent.parent
CHAIN = "Compute 2 + 11, then - 5, then * 5, then - 23, then * 5, then - 31, then - 10, then - 9."


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example, which is found from the checkout only."""
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("examples.debugging_story")


@pytest.fixture
def benchmarks(story: Any) -> Any:
    return importlib.import_module("benchmarks.__main__")


def chain() -> Task:
    return describe(*parse(CHAIN), 8).model_copy(update={"id": "chain"})


def reviewed(problem: str, solution: str) -> str:
    return FAMILIES["arithmetic"].review(describe(*parse(problem), 1), solution)


def exact_reviewer(story: Any) -> Any:
    """A reviewer that makes no mistake on what it is shown."""

    def answer(messages: Any, sample: int) -> str:
        shown = re.fullmatch(r"Problem: (.*?)\n\nSolution:\n(.*?)\n\n.*", messages[-1]["content"], re.DOTALL)
        assert shown is not None
        return reviewed(shown[1], shown[2])

    return story.Reviewer(scripted(answer))


def test_a_part_is_a_short_chain_of_its_own(story: Any) -> None:
    task = chain()
    parts = story.in_parts(task.problem, task.solution)
    assert [len(parse(part.problem)[1]) for part in parts] == [4, 4]
    assert all("verdict: right" in reviewed(part.problem, part.solution) for part in parts)


def test_true_reviews_of_the_parts_join_into_the_true_review_of_the_whole(story: Any) -> None:
    task = chain()
    reviewer = exact_reviewer(story)
    lines = str(task.solution).splitlines()
    for at in range(len(lines) - 1):
        wrong = "\n".join([*lines[:at], lines[at] + "0", *lines[at + 1 :]])
        joined = story.wait_for(story.review_in_parts(reviewer, task.problem, wrong))
        assert story.is_true(task, wrong, joined)
        assert joined.text == FAMILIES["arithmetic"].review(task, wrong)
    whole = story.wait_for(story.review_in_parts(reviewer, task.problem, task.solution))
    assert whole.text == FAMILIES["arithmetic"].review(task, str(task.solution))


@pytest.mark.parametrize("said", ["", "verdict: right", "no verdict", "1: x\nverdict: wrong at step 9"])
def test_a_review_of_a_part_that_cannot_be_read_teaches_nothing(story: Any, said: str) -> None:
    reviewer = story.Reviewer(scripted(lambda messages, sample: said))
    task = chain()
    assert story.wait_for(story.review_in_parts(reviewer, task.problem, task.solution)) is None


@pytest.mark.parametrize("solution", ["", "answer: 3", "2+11=13", "nonsense\nand more\nof it\nhere\n\n"])
def test_a_solution_that_is_no_chain_has_no_parts_beyond_what_it_shows(story: Any, solution: str) -> None:
    assert len(story.in_parts(CHAIN, solution)) <= 1


def test_long_chains_are_of_one_split_and_of_all_lengths(story: Any) -> None:
    tasks = story.long_chains(9, seed=0, split="heldout")
    assert {split_of(task) for task in tasks} == {"heldout"}
    assert {task.difficulty for task in tasks} == set(story.LENGTHS)
    assert tasks == story.long_chains(9, seed=0, split="heldout")
    assert all(story.is_right(task, task.solution) for task in tasks)


def test_the_breakpoint_holds_at_right_solutions_called_wrong_alone(story: Any) -> None:
    task = chain()
    state = {"task": task.model_dump(mode="json"), "solution": task.solution}
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
    assert (told["resamples"], told["heldout"]["long"]) == (8, 12)
    assert told["interval"][0] <= told["gain"] <= told["interval"][1]
    assert told["class_errors_after"] <= 12 and 0 < told["class_errors_before"] <= 12
    assert 0 < told["p"] <= 1
    rows = told["seeds"][0]["rows"]
    assert min(rows.values()) > 0
    assert "long chains" in importlib.import_module("benchmarks.story").render(told)
