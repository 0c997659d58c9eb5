from collections.abc import Iterator
from typing import Any

import pytest

from tutelage import Sampling, Score, Task
from tutelage.errors import UserError
from tutelage.graphs.debugging.lineage import ancestors, candidate_parents, path_of, token_spans
from tutelage.traces import RolloutRecorder, Run, Store, Turn

TASK = Task(id="t1", problem="What is 6 times 7?")


@pytest.fixture
def run() -> Iterator[Run]:
    with Store.memory().start_run({}) as run:
        yield run


def say(recorder: RolloutRecorder, role: str, text: str, **more: Any) -> Turn:
    fields: dict[str, Any] = {"messages": [{"role": "user", "content": "?"}], "sampling": Sampling()}
    known = {"model": "m", "policy": "p", "started": 0.0, "seconds": 0.0, "node": role}
    return recorder.turn(role=role, completion=text, **fields | known | more)


def scored(recorder: RolloutRecorder, turn: Turn, passed: bool, **more: Any) -> str:
    made = recorder.candidate(turn.completion, turn_id=turn.id, answer=turn.completion, **more)
    score = Score(name="exact", value=float(passed), passed=passed)
    recorder.score(score, subject="candidate", subject_id=made.id)
    return made.id


def test_ancestors_come_from_all_rollouts_in_order(run: Run) -> None:
    first, second = run.begin(TASK, 0), run.begin(TASK, 1)
    solution = say(first, "solver", "41")
    aside = say(first, "solver", "40")
    review = say(first, "reviewer", "wrong", parents=[solution.id])
    first.abandon("interrupted")
    refined = say(second, "refiner", "42", parents=[solution.id, review.id])
    last = say(second, "reviewer", "right", parents=[refined.id])
    assert ancestors(run, last.id) == (solution, review, refined)
    assert ancestors(run, solution.id) == ()
    assert path_of(run, second.rollout.id) == (solution, review, refined, last)
    assert path_of(run, first.rollout.id) == (solution, aside, review)
    with pytest.raises(UserError, match="has no turn 'nobody'"):
        ancestors(run, "nobody")


def test_parents_that_are_not_on_record_and_circles_end_the_search(run: Run) -> None:
    recorder = run.begin(TASK)
    lost = say(recorder, "solver", "41", parents=["0" * 32])
    assert ancestors(run, lost.id) == ()
    assert candidate_parents(run, lost.id).parents == ()


def test_the_tree_of_a_candidate_has_texts_scores_and_turns(run: Run) -> None:
    first, second = run.begin(TASK, 0), run.begin(TASK, 1)
    left, right = say(first, "solver", "40"), say(first, "solver", "41")
    parents = [scored(first, left, False), scored(first, right, False, round=1)]
    merged = say(second, "refiner", "42", parents=[left.id, right.id], author="person")
    made = scored(second, merged, True, parents=parents, round=2)
    for name in (made, merged.id):
        tree = candidate_parents(run, name)
        assert (tree.candidate_id, tree.turn_id, tree.role, tree.author) == (
            made,
            merged.id,
            "refiner",
            "person",
        )
        assert (tree.text, tree.answer, tree.round, tree.scores[0].passed) == ("42", "42", 2, True)
        assert [(each.text, each.round, each.rollout_id) for each in tree.parents] == [
            ("40", 0, first.rollout.id),
            ("41", 1, first.rollout.id),
        ]
        assert [each.scores[0].passed for each in tree.parents] == [False, False]


def test_before_candidates_are_on_record_the_tree_is_one_of_turns(run: Run) -> None:
    recorder = run.begin(TASK)
    solution = say(recorder, "solver", "41")
    review = say(recorder, "reviewer", "wrong", parents=[solution.id])
    refined = say(recorder, "refiner", "42", parents=[solution.id, review.id])
    tree = candidate_parents(run, refined.id)
    assert (tree.candidate_id, [each.role for each in tree.parents]) == (None, ["solver", "reviewer"])
    assert [each.text for each in tree.parents[1].parents] == ["41"]


def test_what_stands_in_a_tree_twice_is_shown_once_with_its_parents(run: Run) -> None:
    recorder = run.begin(TASK)
    root = say(recorder, "solver", "41")
    solution = say(recorder, "solver", "42", parents=[root.id])
    review = say(recorder, "reviewer", "wrong", parents=[solution.id])
    tree = candidate_parents(run, say(recorder, "refiner", "43", parents=[solution.id, review.id]).id)
    first, second = tree.parents[0], tree.parents[1].parents[0]
    assert (first.turn_id, first.cut, len(first.parents)) == (solution.id, False, 1)
    assert (second.turn_id, second.cut, second.parents) == (solution.id, True, ())


def test_a_long_chain_is_cut_and_not_an_error(run: Run) -> None:
    recorder = run.begin(TASK)
    turn = say(recorder, "solver", "0")
    for number in range(600):
        turn = say(recorder, "refiner", str(number), parents=[turn.id])
    tree = candidate_parents(run, turn.id)
    depth = 0
    while tree.parents:
        tree, depth = tree.parents[0], depth + 1
    assert tree.cut and depth == 200
    assert len(ancestors(run, turn.id)) == 600


def test_what_is_neither_a_candidate_nor_a_turn_is_an_error(run: Run) -> None:
    with pytest.raises(UserError, match="has no candidate or turn 'nobody'"):
        candidate_parents(run, "nobody")


def test_tokens_of_a_prompt_are_those_of_earlier_turns_where_all_before_them_is_the_same(run: Run) -> None:
    recorder = run.begin(TASK)
    first = say(recorder, "solver", "41", prompt_token_ids=[1, 2], completion_token_ids=[3, 4])
    other = say(recorder, "solver", "41", prompt_token_ids=[1, 9], completion_token_ids=[3, 4])
    second = say(
        recorder, "person", "no", prompt_token_ids=[1, 2, 3, 4], completion_token_ids=[5], author="person"
    )
    last = say(recorder, "solver", "42", prompt_token_ids=[1, 2, 3, 4, 5, 6], completion_token_ids=[7])
    spans = token_spans(last, [first, other, second])
    assert [(span.start, span.end, span.turn_id, span.author) for span in spans] == [
        (2, 4, first.id, None),
        (4, 5, second.id, "person"),
    ]
    assert token_spans(say(recorder, "solver", "x"), [first]) == ()
