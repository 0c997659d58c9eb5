from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.training.objectives.verdicts import VerifierReward, packed_tasks
from tutelage.types import Score, Task


def test_rows_of_an_export_have_their_tasks(refined: Run, tasks: list[Task]) -> None:
    rows = list(refined.export("sdpo", privileged="reference"))
    assert rows and [Task.model_validate_json(each) for each in packed_tasks(rows)] == [
        next(task for task in tasks if task.id == row["task_id"]) for row in rows
    ]


def test_a_right_sample_gets_one_and_a_wrong_one_none(tasks: list[Task]) -> None:
    packed = packed_tasks([{"task": task.model_dump(mode="json")} for task in tasks[:2]])
    said = [[{"role": "assistant", "content": text}] for text in ("answer: 14", "answer: 14")]
    assert VerifierReward(exact)(completions=said, task=packed, prompts=[]) == [
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
