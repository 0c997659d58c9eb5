import pytest

from tutelage.agents import ChatModel
from tutelage.tools import family_answer
from tutelage.traces import Run
from tutelage.training import Critique
from tutelage.training.appraisal.critique import critique
from tutelage.training.appraisal.measuring import Measuring
from tutelage.types import Task


@pytest.fixture
def measured(looped: Run, model: ChatModel, drawn: list[Task]) -> Critique:
    found = critique(looped, Measuring(drawn, family_answer, progress=False), model)
    assert found is not None
    return found


def test_verdicts_are_held_against_the_truth(measured: Critique) -> None:
    said = measured.verdicts
    assert (said.caught.successes, said.caught.trials) == (3, 6)
    assert said.spared.value == 1.0
    assert said.step is not None and said.step.value == 1.0
    assert (said.mended.successes, said.mended.trials) == (3, 3)
    assert said.broken.trials == 0


def test_own_reviews_stand_between_no_feedback_and_the_exact_ones(measured: Critique) -> None:
    assert measured.own is not None and measured.ceiling is not None
    found = {each.name: each.accuracy for each in measured.others}
    assert measured.own.accuracy == 0.5
    assert measured.ceiling.accuracy == 1.0
    assert found['told only "wrong"'] == 0.0
    assert any(name.startswith("solved anew") for name in found)
    assert all(each.n == 6 for each in measured.comparisons())


def test_at_most_so_many_wrong_solutions_are_repaired(
    looped: Run, model: ChatModel, drawn: list[Task]
) -> None:
    measuring = Measuring(drawn, family_answer, progress=False)
    found = critique(looped, measuring, model, most=2)
    assert found is not None and found.own is not None and found.own.n == 2
    told = critique(looped, measuring, model, most=0)
    assert told is not None and told.own is None
