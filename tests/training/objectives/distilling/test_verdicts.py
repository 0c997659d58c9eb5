import pytest

from tutelage.errors import UserError
from tutelage.tools import family_answer, make_tasks, math_answer
from tutelage.traces import Run
from tutelage.training.objectives.verdicts import VerifierReward, packed_tasks, verifier_named
from tutelage.types import Score, Task


def test_rows_of_an_export_have_their_tasks(refined: Run, tasks: list[Task]) -> None:
    rows = list(refined.export("sdpo", privileged="reference"))
    assert rows and [Task.model_validate_json(each) for each in packed_tasks(rows)] == [
        next(task for task in tasks if task.id == row["task_id"]) for row in rows
    ]


def test_a_right_sample_gets_one_and_a_wrong_one_none(tasks: list[Task]) -> None:
    packed = packed_tasks([{"task": task.model_dump(mode="json")} for task in tasks[:2]])
    said = [[{"role": "assistant", "content": text}] for text in ("answer: 14", "answer: 14")]
    assert VerifierReward(verifier_named("exact", packed))(completions=said, task=packed, prompts=[]) == [
        1.0,
        0.0,
    ]


def test_without_a_decision_the_value_is_the_reward(tasks: list[Task]) -> None:
    class Unsure:
        name = "unsure"

        def answer(self, solution: str) -> str | None:
            return None

        def score(self, task: Task, solution: str) -> Score:
            return Score(name=self.name, value=0.25)

    packed = packed_tasks([{"task": tasks[0].model_dump(mode="json")}])
    assert VerifierReward(Unsure())([[{"content": "x"}]], packed) == [0.25]


def test_families_are_judged_by_their_own_check_and_others_as_mathematics(tasks: list[Task]) -> None:
    family = packed_tasks(
        [{"task": task.model_dump(mode="json")} for task in make_tasks("arithmetic", 1, 2, 0)]
    )
    others = packed_tasks([{"task": task.model_dump(mode="json")} for task in tasks])
    assert packed_tasks([{"task": task} for task in family]) == family
    assert verifier_named(None, family) is family_answer
    assert verifier_named(None, [*family, *others]) is math_answer
    assert verifier_named("tutelage.tools.exact:exact", family).name == "exact"


@pytest.mark.parametrize("name", ["exactt", "Exact", "nowhere:exact", "json:nothing", "json:loads"])
def test_no_verifier_is_one_clear_error(name: str) -> None:
    with pytest.raises(UserError, match="verifier"):
        verifier_named(name, [])
