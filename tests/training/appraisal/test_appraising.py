from pathlib import Path

import pytest

from tutelage.agents import ChatModel, scripted
from tutelage.errors import UserError
from tutelage.graphs import one_shot, self_refine
from tutelage.tools import family_answer
from tutelage.traces import Run
from tutelage.training import Appraisal, appraise, read_appraisal, write_appraisal
from tutelage.types import Task


@pytest.fixture
def appraisal(model: ChatModel, drawn: list[Task]) -> Appraisal:
    graph = self_refine(model, 2)
    return appraise(graph, drawn, model=model, verifier=family_answer, progress=False, name="loop")


def test_a_graph_stands_beside_its_baselines_at_its_own_tokens(appraisal: Appraisal) -> None:
    names = [arm.name for arm in appraisal.arms]
    assert names[:2] == ["one shot", "one shot, greedy"]
    assert names[2].startswith("majority vote of ") and names[3].startswith("best of ")
    bill = appraisal.subject.tokens_per_attempt
    assert bill is not None
    for arm in appraisal.arms[2:]:
        spent = arm.evaluation.tokens_per_attempt
        assert spent is not None and spent >= bill


def test_every_arm_is_paired_with_the_claim(appraisal: Appraisal) -> None:
    one_shot_is_beaten = appraisal.comparisons[0]
    assert one_shot_is_beaten.n == 12
    assert (one_shot_is_beaten.wrong_to_right, one_shot_is_beaten.right_to_wrong) == (3, 0)
    row = next(row for row in appraisal.rows if row.name == "one shot")
    assert row.difference is not None
    assert row.difference.p_holm >= row.difference.p_value == one_shot_is_beaten.p_value


def test_right_that_stays_and_wrong_that_becomes_right_are_told_apart(appraisal: Appraisal) -> None:
    flow = appraisal.subject.flow
    assert flow is not None
    assert (flow.stays_right.successes, flow.stays_right.trials) == (6, 6)
    assert (flow.becomes_right.successes, flow.becomes_right.trials) == (3, 6)


def test_the_votes_samples_give_a_curve(appraisal: Appraisal) -> None:
    curve = appraisal.arms[2].evaluation.curve
    assert curve[0].k == 1
    assert [point.value for point in curve] == sorted(point.value for point in curve)
    assert all(point.interval.low <= point.value <= point.interval.high for point in curve)


def test_a_stored_appraisal_is_the_same_when_it_is_read(appraisal: Appraisal, tmp_path: Path) -> None:
    write_appraisal(appraisal, tmp_path / "out")
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "evaluation.json",
        "page.html",
        "table.md",
    ]
    found = read_appraisal(tmp_path / "out")
    assert found == appraisal
    assert found.rows == appraisal.rows


def test_files_that_are_no_evaluation_are_refused(appraisal: Appraisal, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no evaluation"):
        read_appraisal(tmp_path)
    write_appraisal(appraisal, tmp_path)
    file = tmp_path / "evaluation.json"
    whole = file.read_text("utf-8")
    file.write_text(whole.replace('"version": 1', '"version": 99'), "utf-8")
    with pytest.raises(UserError, match="version 99"):
        read_appraisal(tmp_path)
    file.write_text(whole.replace('"subject"', '"sub"', 1), "utf-8")
    with pytest.raises(UserError, match="damaged at 'subject'"):
        read_appraisal(tmp_path)


def test_the_same_call_continues_from_its_folder(drawn: list[Task], model: ChatModel, tmp_path: Path) -> None:
    def call(speaker: ChatModel) -> Appraisal:
        return appraise(
            self_refine(speaker, 1),
            drawn[:4],
            model=speaker,
            verifier=family_answer,
            folder=tmp_path,
            progress=False,
        )

    first = call(model)

    def never(*_: object) -> str:
        raise AssertionError("asked again")

    again = call(scripted(never, name="careless"))
    assert again.subject.attempts == first.subject.attempts
    assert [arm.evaluation.attempts for arm in again.arms] == [arm.evaluation.attempts for arm in first.arms]


def test_a_recorded_run_needs_a_model_for_baselines_only(looped: Run) -> None:
    found = appraise(looped, verifier=family_answer, progress=False)
    assert found.arms == () and found.critique is not None and found.critique.own is None
    assert any("no baseline" in each for each in found.missing)
    with pytest.raises(UserError, match="model"):
        appraise(looped, verifier=family_answer, against_baselines=True, progress=False)


def test_the_weights_before_and_the_other_families_are_measured(model: ChatModel, drawn: list[Task]) -> None:
    perfect = scripted(
        lambda messages, _: next(t.solution or "" for t in drawn if t.problem in str(messages[-1]["content"]))
    )
    found = appraise(
        model, drawn[:6], verifier=family_answer, before=perfect, other=drawn[6:], progress=False
    )
    assert [arm.kind for arm in found.arms] == ["before"]
    assert found.forgetting is not None
    assert found.forgetting.families["equations"].difference == -0.5
    assert found.forgetting.comparison.right_to_wrong == 3


def test_a_control_of_other_problems_under_the_same_ids_is_refused(
    appraisal: Appraisal, model: ChatModel, drawn: list[Task]
) -> None:
    from tutelage.training import Arm, evaluate

    moved = [one.model_copy(update={"id": other.id}) for one, other in zip(drawn, drawn[::-1], strict=True)]
    other = evaluate(one_shot(model), moved, verifier=family_answer, progress=False)
    with pytest.raises(UserError, match="another problem"):
        appraisal.with_arms([Arm(kind="control", evaluation=other)])
