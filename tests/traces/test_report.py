from collections.abc import Callable

import pytest

from tutelage import Score, Task
from tutelage.traces import Run, Store, Turn

Say = Callable[..., Turn]


def play(run: Run, task: str, first: bool | None, final: bool | None, *, end: str = "finish") -> None:
    recorder = run.begin(Task(id=task, problem=""))
    for passed, round in ((first, 0), (final, 1)):
        candidate = recorder.candidate("x", round=round)
        score = Score(name="exact", value=float(passed or 0), passed=passed)
        recorder.score(score, subject="candidate", subject_id=candidate.id)
    recorder.score(Score(name="exact", value=float(final or 0), passed=final))
    if end == "finish":
        recorder.finish()
    else:
        getattr(recorder, end)("no")


@pytest.fixture
def played(run: Run, say: Say) -> Run:
    for number, (first, final) in enumerate([(0, 1), (0, 1), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1), (1, 1)]):
        play(run, f"t{number}", bool(first), bool(final))
    play(run, "failed", True, True, end="fail")
    play(run, "unscored", True, None)
    play(run, "abandoned", False, False, end="abandon")
    recorder = run.begin(Task(id="running", problem=""))
    say(recorder, prompt_token_ids=[1] * 1200, completion_token_ids=[1, 2])
    say(recorder, role="reviewer")
    return run


def test_the_summary_counts_what_happened(played: Run) -> None:
    summary = played.summary()
    assert summary["tasks"] == 11
    assert summary["rollouts"] == {"done": 9, "failed": 1, "running": 1, "abandoned": 1}
    exact = summary["scores"]["exact"]
    assert (exact["passed"], exact["scored"], exact["accuracy"]) == (6, 8, 0.75)
    assert (exact["compared"], exact["wrong_to_right"], exact["right_to_wrong"]) == (8, 3, 1)


def test_the_interval_is_wilsons(played: Run) -> None:
    interval = played.summary()["scores"]["exact"]["interval"]
    assert interval == pytest.approx((0.4092753, 0.9285208), abs=1e-6)


def test_the_interval_stays_between_nothing_and_all() -> None:
    with Store.memory().start_run({}) as run:
        for number in range(10):
            play(run, f"t{number}", False, False)
        low, high = run.summary()["scores"]["exact"]["interval"]
    assert low == 0.0
    assert high == pytest.approx(0.2775328, abs=1e-6)


def test_the_last_candidate_decides_where_the_rollout_has_no_score() -> None:
    with Store.memory().start_run({}) as run:
        recorder = run.begin(Task(id="t", problem=""))
        for passed in (False, True):
            candidate = recorder.candidate("x")
            score = Score(name="exact", value=passed, passed=passed)
            recorder.score(score, subject="candidate", subject_id=candidate.id)
        recorder.finish()
        exact = run.summary()["scores"]["exact"]
    assert (exact["wrong_to_right"], exact["compared"], exact["scored"], exact["accuracy"]) == (1, 1, 0, None)


def test_the_report_says_it_in_a_few_lines(played: Run) -> None:
    assert played.report().splitlines() == [
        "run first: 11 tasks, rollouts: 9 done, 1 failed, 1 unfinished",
        "  1 failed, not counted below: no",
        "  1 abandoned rollouts are not counted",
        "  exact: 6 of 8 right = 75.0 % (95 % interval 40.9 to 92.9 %)",
        "  exact, first to final candidate: 3 wrong→right, 1 right→wrong, of 8",
        "  tokens         prompt   completion     turns",
        "  reviewer            0            0         1  (1 turns without token ids)",
        "  solver          1,200            2         1",
    ]


def test_the_report_of_a_part_says_how_much_there_is_to_do() -> None:
    with Store.memory().start_run({"tasks": {"count": 1500}}) as run:
        play(run, "t0", True, True)
        assert run.summary()["planned"] == 1500
        assert run.report().startswith("run memory: 1 of 1,500 tasks, rollouts: 1 done\n")


def test_the_commonest_failures_are_told_first() -> None:
    with Store.memory().start_run({}) as run:
        for number, error in enumerate(["a", "b", "b", "c", "d"]):
            run.begin(Task(id=f"t{number}", problem="")).fail(error)
        assert run.summary()["failures"] == {"b": 2, "a": 1, "c": 1}


def test_an_empty_run_has_a_report_too(run: Run) -> None:
    assert run.report() == "run first: 0 tasks, rollouts: none"
