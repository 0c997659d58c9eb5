from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tutelage.agents import ChatModel
from tutelage.errors import UserError
from tutelage.graphs import rollout, self_refine
from tutelage.tools import exact
from tutelage.traces import Run, Store
from tutelage.training.reinforcement.rewards import (
    REWARD,
    Judged,
    effect_reward,
    judged,
    outcome_reward,
    own_reward,
    per_role,
    put,
    refined_reward,
    verdict_reward,
    weighted,
)
from tutelage.types import Score, Task


@pytest.fixture
def run(tmp_path: Path, model_that: Callable[[str], ChatModel], tasks: list[Task]) -> Iterator[Run]:
    """Odd sums are wrong at first; the reviewer says so; the refiner mends all but 17 and 21."""
    graph = self_refine(model_that("half right"), rounds=1)
    rollout(graph, tasks, verifier=exact, store=tmp_path, progress=False, control=False).close()
    with Store.open(tmp_path) as store, store.run() as found:
        yield found


def of(run: Run, total: int) -> Judged:
    """The rollout of the sum that has this total."""
    return next(each for each in judged(run, "exact") if each.rollout.task.reference == str(total))


def by_role(rollout: Judged, rewards: object) -> list[tuple[str, float]]:
    assert isinstance(rewards, dict)
    return [(turn.role, rewards[turn.id]) for turn in rollout.turns if turn.id in rewards]


def test_an_outcome_is_every_turns(run: Run) -> None:
    mended, failed = of(run, 15), of(run, 17)
    assert {value for _, value in by_role(mended, outcome_reward(mended))} == {1.0}
    assert {value for _, value in by_role(failed, outcome_reward(failed))} == {0.0}
    assert len(outcome_reward(mended)) == len(mended.turns)


def test_solvers_and_refiners_have_solutions_of_their_own(run: Run) -> None:
    mended = of(run, 15)
    assert by_role(mended, own_reward(mended)) == [("solver", 0.0), ("refiner", 1.0)]


def test_a_verdict_is_worth_its_truth(run: Run) -> None:
    for total in (14, 15, 17):
        rollout = of(run, total)
        assert by_role(rollout, verdict_reward(rollout))[0] == ("reviewer", 1.0)


def test_a_review_is_worth_what_came_of_it(run: Run) -> None:
    mended, kept, failed = of(run, 15), of(run, 14), of(run, 17)
    assert by_role(mended, effect_reward(mended))[0] == ("reviewer", 1.0)
    assert by_role(kept, effect_reward(kept)) == [("reviewer", 0.5)]
    assert by_role(failed, effect_reward(failed))[0] == ("reviewer", 0.5)


def test_every_role_can_have_its_own_reward_and_others_are_not_trained(run: Run) -> None:
    mended = of(run, 15)
    reward = per_role(solver=own_reward, reviewer=weighted((verdict_reward, 0.5), (effect_reward, 0.25)))
    assert by_role(mended, reward(mended)) == [("solver", 0.0), ("reviewer", 0.75), ("reviewer", 0.625)]


def test_rewards_are_kept_as_scores_and_become_advantages(run: Run) -> None:
    mended = of(run, 15)
    put(run, {mended.rollout.id: own_reward(mended)})
    kept = {row.subject_id: row.score.value for row in run.scores(subject="turn") if row.score.name == REWARD}
    assert kept == own_reward(mended)


def test_what_came_of_a_review_is_the_solution_itself_where_it_led_nowhere(run: Run) -> None:
    mended, kept, failed = of(run, 15), of(run, 14), of(run, 17)
    assert by_role(mended, refined_reward(mended)) == [("reviewer", 1.0), ("reviewer", 1.0)]
    assert by_role(kept, refined_reward(kept)) == [("reviewer", 1.0)]
    assert by_role(failed, refined_reward(failed)) == [("reviewer", 0.0), ("reviewer", 0.0)]


def test_verdicts_on_what_nobody_decided_are_not_rewarded(run: Run) -> None:
    mended = of(run, 15)
    open_ = {turn: Score(name="exact", value=0.5) for turn in mended.solutions}
    assert verdict_reward(replace(mended, solutions=open_)) == {}


def test_a_right_verdict_on_a_right_solution_is_worth_as_much_as_a_wrong_one_on_a_wrong_one(run: Run) -> None:
    kept = of(run, 14)
    said = {turn: Score(name="verdict", value=0.0, passed=False) for turn in kept.verdicts}
    silent = {turn: Score(name="verdict", value=float("nan")) for turn in kept.verdicts}
    assert by_role(kept, verdict_reward(kept)) == [("reviewer", 1.0)]
    assert list(verdict_reward(replace(kept, verdicts=said)).values()) == [0.0]
    assert list(verdict_reward(replace(kept, verdicts=silent)).values()) == [0.0]


def test_what_a_reward_is_made_of_is_kept_beside_it_in_one_transaction(run: Run) -> None:
    mended = of(run, 15)
    reward = per_role(solver=own_reward, reviewer=weighted((verdict_reward, 0.5), (effect_reward, 0.25)))
    before = list(run.scores())
    put(run, {mended.rollout.id: reward(mended)})
    scores = list(run.scores(subject="turn"))
    kept = {
        name: {row.subject_id: row.score.value for row in scores if row.score.name == name} for name in NAMES
    }
    first = next(turn.id for turn in mended.turns if turn.role == "reviewer")
    assert kept["verdict_reward"][first] == 1.0
    assert kept["effect_reward"][first] == 1.0
    assert kept[REWARD][first] == 0.75
    assert [row.score.name for row in scores if row.subject_id == first] == ["verdict", *NAMES]
    assert kept["verdict_reward"].keys() == set(mended.verdicts)
    with pytest.raises(UserError, match="no rollout 'nobody'"):
        put(run, {mended.rollout.id: own_reward(mended), "nobody": {"turn": 1.0}})
    assert len(run.scores()) == len(before) + 7


NAMES = (REWARD, "verdict_reward", "effect_reward")
