from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.graphs.studio.filters import parse
from tutelage.traces import Run, Store
from tutelage.types import Score, Task

if TYPE_CHECKING:
    from tests.graphs.studio.conftest import Opens, Page, Recorded


def test_a_row_says_what_became_of_a_rollout(page: "Page", recorded: "Recorded") -> None:
    answer = page.get("{run}/rollouts")
    assert (answer["total"], answer["matching"], answer["searched"]) == (4, 4, 1.0)
    row = next(each for each in answer["rows"] if each["id"] == recorded.refined)
    assert row == row | {
        "task": "refined",
        "family": "products",
        "difficulty": 2,
        "repeat": 0,
        "status": "done",
        "answer": "42",
        "reference": "42",
        "passed": True,
        "value": 1.0,
        "turns": 3,
        "rounds": 1,
        "verdicts": ["wrong"],
        "judged": ["wrong/wrong"],
        "prompt_tokens": 6,
        "completion_tokens": 9,
        "error": None,
        "branch": None,
    }


def test_what_is_not_known_is_null_and_never_zero(page: "Page", recorded: "Recorded") -> None:
    rows = page.get("{run}/rollouts")["rows"]
    failed = next(row for row in rows if row["id"] == recorded.failed)
    assert (failed["passed"], failed["value"], failed["rounds"], failed["answer"]) == (None,) * 4
    assert (failed["verdicts"], failed["error"]) == ([], "CUDA out of memory")


@pytest.mark.parametrize(
    ("filter", "tasks"),
    [
        ("", {"right", "refined", "spoiled", "failed"}),
        ("status:done", {"right", "refined", "spoiled"}),
        ("status:failed,done", {"right", "refined", "spoiled", "failed"}),
        ("status:abandoned", {"abandoned"}),
        ("passed:true", {"right", "refined"}),
        ("passed:wrong", {"spoiled"}),
        ("passed:none", {"failed"}),
        ("-passed:true", {"spoiled", "failed"}),
        ("role:Reviewer", {"refined", "spoiled"}),
        ("-role:reviewer", {"right", "failed"}),
        ("node:ref*", {"refined", "spoiled"}),
        ("verdict:wrong passed:false", {"spoiled"}),
        ("verdict:*", {"refined", "spoiled"}),
        ("judged:wrong/wrong", {"refined"}),
        ("judged:wrong/right", {"spoiled"}),
        ("judged:*/right,right/*", {"spoiled"}),
        ("-judged:wrong/*", {"right", "failed"}),
        ("judged:right/wrong", set()),
        ("family:products", {"refined"}),
        ("task:r*", {"right", "refined"}),
        ('task:"r*"', set()),
        ("policy:p", {"right", "refined", "spoiled", "failed"}),
        ("turns>1", {"refined", "spoiled"}),
        ("turns:1", {"right", "failed"}),
        ("turns:2..9", {"refined", "spoiled"}),
        ("rounds>=1", {"refined", "spoiled"}),
        ("rounds:none", {"failed"}),
        ("tokens>10", {"refined", "spoiled"}),
        ("seconds<1000", {"right", "refined", "spoiled", "failed"}),
        ("value<0.5", {"spoiled"}),
        ("difficulty:1..2", {"right", "refined", "failed"}),
        ("answer:42", {"right", "refined"}),
        ("answer:4", set()),
        ("error:cuda", {"failed"}),
        ("error:*", {"failed"}),
        ("-error:*", {"right", "refined", "spoiled"}),
        ("REVIEW", {"refined", "spoiled"}),
        ('"step 1"', {"refined", "spoiled"}),
        ('-"step 1"', {"right", "failed"}),
        ('"seven, spoiled"', {"spoiled"}),
        ("text:step passed:true", {"right", "refined"}),
        ("half", set()),
    ],
)
def test_a_filter_chooses(page: "Page", filter: str, tasks: set[str]) -> None:
    assert set(page.tasks(filter)) == tasks


@pytest.mark.parametrize(
    ("filter", "sentence"),
    [
        ("rol:solver", "did you mean 'role'"),
        ("xyz:1", "known are answer, difficulty"),
        ("turns:many", "'many' is no number"),
        ("turns>", "needs a value"),
        ("role>3", "role is no number"),
        ("status:finished", "status is running, done, failed, abandoned, unfinished"),
        ("judged:wrong", "judged is right/right, right/wrong"),
        ("answer: 42", "put it into quotes"),
    ],
)
def test_a_filter_that_is_not_understood_says_what_it_could_have_said(
    page: "Page", filter: str, sentence: str
) -> None:
    answer = page.get("{run}/rollouts", status=400, filter=filter)
    assert sentence in answer["error"]


def test_an_unknown_field_is_answered_with_the_known_ones(page: "Page") -> None:
    answer = page.get("{run}/rollouts", status=400, filter="colour:red")
    assert {"status", "passed", "role", "text"} <= set(answer["fields"])


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=300)
def test_whatever_is_typed_is_a_filter_or_a_sentence(text: str) -> None:
    try:
        parse(text)
    except UserError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("", "right"),
        ("-", "failed"),
        ("task", "failed"),
        ("-task", "spoiled"),
        ("-turns", "refined"),
        ("rounds", "right"),
        ("-value", "right"),
        ("value", "spoiled"),
        ("-difficulty", "spoiled"),
        ("answer", "spoiled"),
    ],
)
def test_the_table_is_sorted_and_rows_without_a_value_come_last(page: "Page", sort: str, first: str) -> None:
    tasks = page.tasks("", sort=sort)
    assert tasks[0] == first
    if sort.removeprefix("-") in ("rounds", "value", "answer"):
        assert tasks[-1] == "failed"


def test_a_column_that_there_is_not_is_refused_with_those_there_are(page: "Page") -> None:
    assert "completion_tokens" in page.get("{run}/rollouts", status=400, sort="colour")["error"]


def test_pages_of_the_table_follow_each_other(page: "Page") -> None:
    pages = [page.tasks("", offset=offset, limit=3) for offset in (0, 3, 6)]
    assert pages == [["right", "refined", "spoiled"], ["failed"], []]
    assert "whole number" in page.get("{run}/rollouts", status=400, offset="-1")["error"]


def test_a_row_holds_no_more_than_the_beginning_of_a_long_text(opens: "Opens") -> None:
    with Store.memory().start_run({}) as run:
        recorder = run.begin(Task(id="t" * 10_000, problem="", reference="r" * 10_000))
        recorder.finish("a" * 10_000)
        (row,) = opens(run).get("{run}/rollouts")["rows"]
    assert all(len(row[name]) == 301 and row[name].endswith("…") for name in ("task", "reference", "answer"))


def test_first_rows_read_by_themselves_are_those_of_the_columns(page: "Page", recorded: "Recorded") -> None:
    before = page.get("{run}/rollouts")["rows"]
    page.get("{run}/summary")
    assert page.get("{run}/rollouts", filter="tokens>=0 text:a")["searched"] == 1.0
    assert page.get("{run}/rollouts")["rows"] == before


def test_a_run_under_way_grows_in_the_table(opens: "Opens", tmp_path: Path) -> None:
    from tests.graphs.studio.conftest import SETTINGS, say, solve, task

    with Store.open(tmp_path / "live").start_run(SETTINGS) as run:
        page = opens(tmp_path / "live")
        assert page.get("{run}/rollouts")["total"] == 0
        first, second = run.begin(task("first")), run.begin(task("second"))
        assert page.tasks("status:running") == ["first", "second"]
        say(second, "solver", "a word that nobody said")
        assert page.tasks("nobody") == ["second"]
        solve(first, True)
        assert page.tasks("passed:true") == ["first"]
        assert page.tasks("nobody role:solver") == ["second"]
        assert page.get("/api/runs")[0]["live"]
        third = run.begin(task("third"))
        solve(third, False)
        run.drop(first.rollout.id)
        assert page.tasks("") == ["second", "third"]
        run.score(third.rollout.id, Score(name="exact", value=1.0, passed=True))
        assert page.tasks("passed:true") == ["third"]
        assert page.get("{run}/summary")["counts"]["passed"] == 1
    assert not page.get("/api/runs")[0]["live"]


def test_the_numbers_are_those_of_the_report(page: "Page", recorded: "Recorded") -> None:
    with Run.open(recorded.path) as run:
        told = run.summary()
    found = page.get("{run}/summary")
    score = told["scores"]["exact"]
    assert found["verifier"] == "exact"
    assert found["accuracy"]["value"] == score["accuracy"]
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == tuple(score["interval"])
    assert found["counts"]["abandoned"] == 1
    assert {
        each["role"]: (each["prompt"], each["completion"], each["turns"]) for each in found["tokens"]
    } == {
        role: (count["prompt"], count["completion"], count["turns"]) for role, count in told["tokens"].items()
    }


def test_plots_show_verdicts_against_the_truth_and_what_rounds_changed(page: "Page") -> None:
    found = page.get("{run}/summary")
    assert verdicts(found) == [[0, 0], [1, 1], [0, 0]]
    assert found["rounds"] == [
        {"round": 1, "wrong_right": 1, "right_wrong": 1, "stayed_right": 0, "stayed_wrong": 0}
    ]
    assert [(each["round"], each["n"]) for each in found["rewards"]] == [(0, 3), (1, 2)]
    assert all(each["low"] <= each["mean"] <= each["high"] for each in found["rewards"])
    assert {"solver", "reviewer", "refiner"} == set(found["fields"]["roles"])
    assert found["fields"]["errors"] == ["CUDA out of memory"]


def test_plots_can_be_asked_of_what_a_filter_chooses(page: "Page") -> None:
    found: dict[str, Any] = page.get("{run}/summary", filter="family:products")
    assert found["counts"]["rollouts"] == 1
    assert verdicts(found) == [[0, 0], [0, 1], [0, 0]]


def verdicts(summary: dict[str, Any]) -> list[list[int]]:
    return [[cell["verdicts"] for cell in row] for row in summary["confusion"]]


def test_every_cell_of_the_verdicts_counts_the_rollouts_that_its_filter_finds(
    opens: "Opens", tmp_path: Path
) -> None:
    from tests.graphs.studio.conftest import SETTINGS, solve, task

    with Store.open(tmp_path / "many").start_run(SETTINGS) as run:
        for number, (rights, said) in enumerate(
            [
                ((False, False, True), (False, False)),
                ((False, True, True), (True, None)),
                ((True, False, False), (False, False)),
                ((True, True), (True,)),
            ]
        ):
            solve(run.begin(task(str(number))), *rights, said=said)
        run.begin(task("unread"))
    page = opens(tmp_path / "many")
    found = page.get("{run}/summary")
    assert verdicts(found) == [[1, 1], [1, 3], [1, 0]]
    for verdict, row in zip(("right", "wrong", "none"), found["confusion"], strict=True):
        for truth, cell in zip(("right", "wrong"), row, strict=True):
            assert len(page.tasks(f"judged:{verdict}/{truth}")) == cell["rollouts"]


def test_a_rollout_that_its_process_left_is_unfinished_and_runs_no_more(
    opens: "Opens", tmp_path: Path
) -> None:
    from tests.graphs.studio.conftest import SETTINGS, solve, task

    with Store.open(tmp_path / "killed").start_run(SETTINGS) as run:
        solve(run.begin(task("ended")), True)
        run.begin(task("begun"))
        page = opens(tmp_path / "killed")
        assert (page.tasks("status:running"), page.tasks("status:unfinished")) == (["begun"], [])
        version = page.get("{run}/summary")["version"]
    assert (page.tasks("status:running"), page.tasks("status:unfinished")) == ([], ["begun"])
    assert {row["task"]: row["status"] for row in page.get("{run}/rollouts")["rows"]} == {
        "ended": "done",
        "begun": "unfinished",
    }
    assert "unfinished" in page.get("{run}/summary")["fields"]["statuses"]
    assert page.get("{run}/summary")["version"] > version
    Store.open(tmp_path / "killed").start_run(SETTINGS).close()
    assert (page.tasks("status:unfinished"), page.tasks("status:abandoned")) == ([], ["begun"])


def test_where_nothing_is_judged_nothing_counts_as_right_or_wrong(opens: "Opens", tmp_path: Path) -> None:
    from tests.graphs.studio.conftest import task

    with Store.open(tmp_path / "plain").start_run({}) as run:
        run.begin(task("one")).finish("1")
    page = opens(tmp_path / "plain")
    page.get("{run}/summary")
    (row,) = page.get("/api/runs")
    assert (row["done"], row["passed"], row["wrong"]) == (1, None, None)


def test_an_interval_of_means_counts_rollouts_and_not_their_candidates(
    opens: "Opens", tmp_path: Path
) -> None:
    from tests.graphs.studio.conftest import task

    with Store.open(tmp_path / "many").start_run({"verifier": {"name": "exact"}}) as run:
        for number in range(8):
            recorder = run.begin(task(str(number)))
            for _ in range(50):
                made = recorder.candidate("x", answer="x")
                score = Score(name="exact", value=number % 2, passed=bool(number % 2))
                recorder.score(score, subject="candidate", subject_id=made.id)
            recorder.finish("x")
    (reward,) = opens(tmp_path / "many").get("{run}/summary")["rewards"]
    assert reward["mean"] == 0.5
    assert reward["high"] - reward["low"] > 0.6
