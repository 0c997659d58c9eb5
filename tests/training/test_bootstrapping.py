from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tutelage.agents import ChatModel, connect, embedded_directory, scripted
from tutelage.errors import UserError
from tutelage.graphs import majority_vote, rollout
from tutelage.tools import exact, family_answer, make_tasks
from tutelage.traces import Run, Store
from tutelage.training import train
from tutelage.training.bootstrapping import bootstrap, contrasts
from tutelage.types import Sampling, Task


def solved(answer: int) -> str:
    return f"counting up\nanswer: {answer}"


def told(prompt: str, right: int, sample: int) -> str:
    """Solves 14 and 15 both ways, 16 always, 17 never; corrects 14 only."""
    if "Correct the solution" in prompt:
        return f"standing on shoulders\nanswer: {right if right == 14 else 0}"
    if right == 16:
        return solved(right)
    return solved((right if right < 16 else 3, 1, 2, 2)[sample])


@pytest.fixture
def teacher(tasks: list[Task]) -> ChatModel:
    def answer(messages: Sequence[Mapping[str, str]], sample: int) -> str:
        prompt = messages[-1]["content"]
        return told(
            prompt, next(int(each.reference or 0) for each in tasks if each.problem in prompt), sample
        )

    return scripted(answer, name="teacher")


@pytest.fixture
def voted(teacher: ChatModel, tasks: list[Task]) -> Run:
    return rollout(majority_vote(teacher, 4, exact), tasks[:4], verifier=exact, progress=False)


def test_a_contrast_is_the_first_right_and_the_commonest_wrong_solution(voted: Run) -> None:
    found = contrasts(voted)
    assert [(each.task.id, each.right, each.wrong, each.answer) for each in found] == [
        ("sum-10", solved(14), solved(2), "2"),
        ("sum-11", solved(15), solved(2), "2"),
    ]


def test_what_the_teacher_gets_right_becomes_a_row_on_the_bare_problem(
    voted: Run, teacher: ChatModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = bootstrap(voted, teacher, verifier=exact, store=tmp_path / "taught")
    (bare,), (seen,), (said,) = row["prompt"], row["teacher_prompt"], row["completion"]
    assert bare["content"].startswith("Problem: Add 10 and 4.\n\nSolve it") and "14" not in bare["content"]
    assert f"Solution:\n{solved(2)}\n\nReference:\n{solved(14)}\n" in seen["content"]
    assert said == {"role": "assistant", "content": "standing on shoulders\nanswer: 14"}
    assert (row["lineage"]["task_id"], row["lineage"]["role"]) == ("sum-10", "teacher")
    assert "2 tasks were solved both ways; 1 of the teacher's 2 solutions" in capsys.readouterr().err
    assert bootstrap(voted, teacher, verifier=exact, store=tmp_path / "taught", progress=False) == [row]


def test_without_a_task_solved_both_ways_there_is_nothing_to_teach(
    teacher: ChatModel, tasks: list[Task]
) -> None:
    run = rollout(majority_vote(teacher, 4, exact), tasks[2:4], verifier=exact, progress=False)
    with pytest.raises(UserError, match="sample each task more often"):
        bootstrap(run, teacher, verifier=exact)


@pytest.mark.slow
def test_the_embedded_models_rows_are_trained_with_the_ids_that_were_sampled(tmp_path: Path) -> None:
    (task,) = make_tasks("arithmetic", 1, 1, 3)
    wrong = f"{task.problem}\nanswer: 0"
    with Store.open(tmp_path / "run") as store:
        run = store.start_run({})
        recorder = run.begin(task)
        for text in (task.solution or "", wrong):
            made = recorder.candidate(text, answer=family_answer.answer(text))
            recorder.score(family_answer.score(task, text), subject="candidate", subject_id=made.id)
        recorder.finish(None, {})
    cold = Sampling(temperature=0.0, max_tokens=200)
    with connect(f"transformers:{embedded_directory()}", seed=0) as model:
        rows = bootstrap(tmp_path / "run", model, verifier=family_answer, sampling=cold, progress=False)
    assert rows and rows[0]["completion_ids"][-1] == 1
    from tutelage.training.objectives.soft_bootstrapping import SoftBootstrappingSettings

    settings = SoftBootstrappingSettings(threads=1, epochs=1.0)
    assert train(
        "soft_bootstrapping", embedded_directory(), rows, tmp_path / "out", settings, progress=False
    ).is_dir()
