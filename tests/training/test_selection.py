import pytest

from tutelage import Score
from tutelage.errors import UserError
from tutelage.traces import Run, Store
from tutelage.training import SelectionSettings, select
from tutelage.types import Task


@pytest.fixture
def attempts() -> Run:
    """One task with six candidates, of which 2, 3, 4 and 5 passed and 3 repeats 2."""
    run = Store.memory().start_run({})
    recorder = run.begin(Task(id="t", problem="Two and two?"))
    for text in ("five", "four", " four\n", "2+2=4", "4, surely", ""):
        made = recorder.candidate(text)
        passed = text not in ("five", "")
        recorder.score(
            Score(name="v", value=float(passed), passed=passed), subject="candidate", subject_id=made.id
        )
    recorder.score(Score(name="v", value=1.0, passed=True))
    recorder.finish("4", {"solution": "4, surely"})
    return run


def test_only_what_passed_is_taken_once_in_the_order_of_the_record(attempts: Run) -> None:
    chosen = select(attempts)
    assert [each.solution for each in chosen.examples] == ["four", "2+2=4", "4, surely"]


def test_the_account_names_every_reason(attempts: Run) -> None:
    chosen = select(attempts, SelectionSettings(per_task=2))
    assert chosen.account() == (
        "kept 2 of 6 candidates because 1 did not pass, 1 repeat one that is kept, 1 go beyond 2 a task, "
        "1 have no text or no verdict"
    )
    assert sum(chosen.dropped.values()) + len(chosen.examples) == chosen.considered


def test_a_final_solution_is_the_one_of_the_last_state(attempts: Run) -> None:
    (only,) = select(attempts, SelectionSettings(source="final")).examples
    assert only.solution == "4, surely"
    assert only.candidate_id == attempts.candidates()[4].id


def test_what_did_not_pass_is_taken_when_asked_for(attempts: Run) -> None:
    chosen = select(attempts, SelectionSettings(only_passed=False, per_task=None))
    assert ("five", False) in [(each.solution, each.passed) for each in chosen.examples]


def test_repeats_are_taken_when_asked_for(attempts: Run) -> None:
    chosen = select(attempts, SelectionSettings(unique=False))
    assert [each.solution for each in chosen.examples].count("four") == 2


def test_every_example_carries_its_lineage(refined: Run) -> None:
    chosen = select(refined)
    candidates = {each.id: each for each in refined.candidates()}
    turns = {each.id: each for each in refined.turns()}
    assert len(chosen.examples) == 8
    for each in chosen.examples:
        assert each.run_id == refined.id
        assert candidates[each.candidate_id or ""].rollout_id == each.rollout_id
        assert turns[each.turn_id or ""].completion == each.solution
        assert turns[each.turn_id or ""].policy == each.policy


def test_a_mended_solution_is_learnt_with_the_bare_problem(refined: Run) -> None:
    mended = select(refined, SelectionSettings(roles=("refiner",))).examples
    assert len(mended) == 3
    assert all(each.round == 1 and each.problem.startswith("Add ") for each in mended)


def test_a_final_solution_without_candidates_finds_its_turn(refined: Run) -> None:
    finals = select(refined, SelectionSettings(source="final"))
    assert finals.account() == "kept 8 of 10 final solutions because 2 did not pass"


def test_a_run_without_verdicts_is_refused() -> None:
    run = Store.memory().start_run({})
    run.begin(Task(id="t", problem="?")).finish("4", {"solution": "4"})
    with pytest.raises(UserError, match="no verdicts"):
        select(run)


def test_several_verifiers_have_to_be_told_apart(attempts: Run) -> None:
    rollout = attempts.rollouts()[0]
    candidate = attempts.candidates()[0]
    score = Score(name="other", value=1.0, passed=True)
    attempts.score(rollout.id, score, subject="candidate", subject_id=candidate.id)
    with pytest.raises(UserError, match="'other', 'v'"):
        select(attempts)
    assert len(select(attempts, SelectionSettings(verifier="other")).examples) == 1


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="per_tsk"):
        SelectionSettings.model_validate({"per_tsk": 1})
