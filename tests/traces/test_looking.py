from collections.abc import Callable

import pytest

from tutelage import Task
from tutelage.errors import UserError
from tutelage.traces import Run, Turn
from tutelage.traces.export.own_score import default_verifier
from tutelage.traces.export.reading import survey
from tutelage.traces.looking import Wanted, look, rollout_ids
from tutelage.types import Score

Say = Callable[..., Turn]


def seen(run: Run, **wanted: object) -> list[str]:
    return [each.turn.completion for each in look(run, Wanted(**wanted))]  # type: ignore[arg-type]


@pytest.fixture
def judged(run: Run, task: Task, say: Say) -> Run:
    """A wrong solution, a review that is right about it, one that is not, one that says nothing; an error."""
    recorder = run.begin(task)
    solution = say(recorder, "41", node="solver_node", policy="p1")
    candidate = recorder.candidate("41", turn_id=solution.id)
    recorder.score(
        Score(name="exact", value=0.25, passed=False), subject="candidate", subject_id=candidate.id
    )
    for completion, passed in (("it is wrong", False), ("it is right", True), ("who knows", None)):
        review = say(recorder, completion, role="reviewer", policy="p2", parents=[solution.id])
        recorder.score(Score(name="verdict", value=0, passed=passed), subject="turn", subject_id=review.id)
    recorder.score(Score(name="exact", value=0.5, passed=False))
    recorder.finish("41")
    broken = run.begin(Task(id="t2", problem="?"))
    say(broken, "", error="too long")
    broken.fail("too long")
    run.begin(Task(id="t3", problem="?")).abandon("interrupted")
    return run


def test_turns_are_chosen_by_who_spoke(judged: Run) -> None:
    assert seen(judged, roles=["solver"]) == ["41", ""]
    assert seen(judged, nodes=["solver_node"]) == ["41"]
    assert len(seen(judged, policies=["p2"])) == 3
    assert seen(judged, tasks=["t2"]) == [""]
    assert len(seen(judged)) == 5


def test_turns_are_chosen_by_what_they_say(judged: Run) -> None:
    assert seen(judged, text="IS RIGHT") == ["it is right"]
    assert seen(judged, verdict="right") == ["it is right"]
    assert seen(judged, verdict="wrong") == ["it is wrong"]
    assert seen(judged, verdict="none") == ["who knows"]
    assert seen(judged, error=True) == [""]


def test_turns_are_chosen_by_their_own_score(judged: Run) -> None:
    assert seen(judged, passed=True) == ["it is wrong"]
    assert seen(judged, passed=False) == ["41", "it is right", "who knows"]
    assert seen(judged, least=0.2, most=0.3) == ["41"]
    assert seen(judged, passed=False, verifier="exact", roles=["solver"]) == ["41"]


def test_a_verifier_must_be_clear_where_it_matters(judged: Run) -> None:
    rollout = judged.rollouts("done")[0].id
    judged.score(rollout, Score(name="numeric", value=1, passed=True))
    assert default_verifier(survey(judged), judged) is None
    assert len(seen(judged)) == 5
    with pytest.raises(UserError, match=r"several verifiers .*'exact', 'numeric'"):
        seen(judged, passed=True)
    assert seen(judged, passed=True, verifier="numeric", roles=["solver"]) == ["41"]


def test_a_run_without_scores_cannot_be_chosen_from_by_score(run: Run) -> None:
    with pytest.raises(UserError, match="no scores"):
        seen(run, least=0.5)


def test_what_the_run_does_not_know_is_refused_at_once(judged: Run) -> None:
    for wanted, said in (
        ({"roles": ["judge"]}, "no role 'judge'; it has 'solver', 'reviewer'"),
        ({"nodes": ["judge"]}, "no node 'judge'; it has 'solver_node'"),
        ({"policies": ["p9"]}, "no policy 'p9'"),
        ({"tasks": ["t9"]}, "no task 't9'; it has 't1', 't2', 't3'"),
        ({"verifier": "oracle"}, "no scores of 'oracle'; it has 'exact'"),
        ({"verdict": "maybe"}, "not 'maybe'"),
    ):
        with pytest.raises(UserError, match=said):
            look(judged, Wanted(**wanted))


def test_rollouts_are_named_in_their_order(judged: Run) -> None:
    found = [judged.rollout(each).task.id for each in rollout_ids(judged)]
    assert found == ["t1", "t2"]
    assert len(list(rollout_ids(judged, ("t3",)))) == 0
    assert len(list(rollout_ids(judged, ("t3",), abandoned=True))) == 1
