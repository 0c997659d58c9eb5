from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.traces import Run
from tutelage.traces.importing import import_solutions

Written = Callable[..., Path]

RECORDED = {
    "question": "How many?",
    "ground_truth": "Two and three are <<2+3=5>>5.\nA: 5",
    "6b": {"is_correct": False, "solution": "2+3=6\nA: 6"},
    "175b": {"is_correct": True, "solution": "2+3=<<2+3=5>>5\nA: 5"},
}


@pytest.fixture
def imported(written: Written, store: Path) -> Callable[..., Run]:
    return lambda *lines: import_solutions(written(*lines), store)


def test_recorded_solutions_of_a_problem_are_rollouts_of_one_task(imported: Callable[..., Run]) -> None:
    with imported(RECORDED) as run:
        one, two = run.rollouts()
        assert one.task == two.task
        assert (one.task.problem, one.task.reference) == ("How many?", "5")
        assert one.task.solution == "Two and three are 5.\nanswer: 5"
        assert [(each.repeat, each.answer) for each in (one, two)] == [(0, "6"), (1, "5")]
        assert [turn.policy for turn in run.turns()] == ["6b", "175b"]
        assert [turn.completion for turn in run.turns()] == ["2+3=6\nA: 6", "2+3=<<2+3=5>>5\nA: 5"]


def test_flags_are_scores_of_the_candidate_and_the_rollout(imported: Callable[..., Run]) -> None:
    with imported(RECORDED) as run:
        candidates, turns = run.candidates(), run.turns()
        assert [each.turn_id for each in candidates] == [turn.id for turn in turns]
        assert [each.answer for each in candidates] == ["6", "5"]
        scores = run.scores(subject="candidate")
        assert [row.subject_id for row in scores] == [each.id for each in candidates]
        assert [(row.score.name, row.score.passed) for row in scores] == [
            ("is_correct", False),
            ("is_correct", True),
        ]
        assert [row.score.passed for row in run.scores(subject="rollout")] == [False, True]


def test_the_data_set_itself_gives_its_worked_solutions(imported: Callable[..., Run]) -> None:
    with imported({"question": "How many?", "answer": "It is <<2+3=5>>5.\n#### 5"}) as run:
        (rollout,), (turn,) = run.rollouts(), run.turns()
        assert (rollout.task.reference, rollout.task.solution) == ("5", "It is 5.\nanswer: 5")
        assert (turn.completion, turn.author, rollout.answer) == ("It is <<2+3=5>>5.\n#### 5", "import", "5")
        assert run.scores() == []


def test_plain_lines_and_lists_of_solutions(imported: Callable[..., Run]) -> None:
    judged = {"solution": "y", "model": "m", "is_correct": True, "score": 0.5}
    lines = (
        {"problem": "p", "solution": "x", "answer": "5", "source": "a book"},
        {"question": "q", "id": 7, "solutions": ["x", judged], "difficulty": 3},
    )
    with imported(*lines) as run:
        first, second, third = run.rollouts()
        assert (first.task.reference, first.task.metadata) == ("5", {"source": "a book"})
        assert (second.task.id, second.task.difficulty, third.repeat) == ("7", 3, 1)
        assert [turn.policy for turn in run.turns()] == ["unknown", "unknown", "m"]
        assert [(row.score.name, row.score.value) for row in run.scores(third.id, "candidate")] == [
            ("is_correct", 1.0),
            ("score", 0.5),
        ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"question": "q", "answer": "five"}, "'answer' must end in '#### X', but ends in 'five'"),
        ({"question": "q", "answer": "#### 5", "more": 1}, "unknown key 'more'"),
        ({"question": "q", "ground_truth": "A: 5"}, "no model's solution"),
        (RECORDED | {"6b": "text"}, "'6b' must hold an object"),
        (RECORDED | {"6b": {"solution": 5}}, "'6b': 'solution' must be a string, not 5"),
        (RECORDED | {"6b": {"solution": "x", "is_correct": "yes"}}, "'is_correct' must be true or false"),
        ({"problem": "p"}, "either 'solution' (with 'problem') or a list 'solutions'"),
        ({"problem": "p", "solutions": []}, "'solutions' must be a list of at least one"),
        ({"problem": "p", "solution": "x", "score": 10**400}, "'score' is beyond the range of a number"),
        ({"problem": "p", "solution": "x", "reference": 5}, "'reference' must be a string, not 5"),
        ({"solution": "x"}, "'question' must be a string, not None"),
        ({"problem": "p", "solution": "x", "id": [1]}, "'id' must be a string or a whole number"),
    ],
)
def test_a_line_without_sense_is_one_clear_error(
    written: Written, store: Path, line: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        import_solutions(written(line), store)
    assert "file.jsonl:1: " in str(caught.value)
    assert message in str(caught.value)
