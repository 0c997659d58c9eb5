from collections import Counter
from itertools import pairwise
from typing import Any

from tutelage.traces.export import export
from tutelage.traces.export.limits import LAST, Seen, Thinning


def test_equal_rows_are_taken_once_over_the_whole_run(toy: Any) -> None:
    for name in ("t1", "t2"):
        recorder = toy.begin(name, problem="Q")
        toy.solve(recorder, ("same", True), ("same", True), ("other", True))
        recorder.finish()
    data = export(toy.run, "sft")
    assert len(list(data)) == 2
    assert data.counts.dropped == {"repeat a row that is kept": 4}
    assert len(list(export(toy.run, "sft", deduplicate=False))) == 6


def test_what_a_limit_left_out_may_come_by_again(toy: Any) -> None:
    for name, solutions in (("t1", ("a", "b")), ("t2", ("b",))):
        recorder = toy.begin(name, problem="Q")
        toy.solve(recorder, *((text, True) for text in solutions))
        recorder.finish()
    rows = export(toy.run, "sft", per_task=1)
    assert [row["completion"][0]["content"] for row in rows] == ["a", "b"]


def test_equal_completions_with_other_tools_are_not_equal_rows(toy: Any) -> None:
    recorder = toy.begin()
    for name in ("search", "delete", "search"):
        tool = {"type": "function", "function": {"name": name, "parameters": {}}}
        toy.say(recorder, "solver", "Q", "same", tools=[tool])
    recorder.finish()
    data = export(toy.run, "sft", passed=None)
    assert [row["tools"][0]["function"]["name"] for row in data] == ["search", "delete"]


def test_equal_completions_of_other_contexts_or_labels_are_not_equal_rows(toy: Any) -> None:
    for name, passed in (("t1", True), ("t2", True), ("t3", False)):
        recorder = toy.begin(name, problem="Q" if name != "t2" else "R")
        toy.solve(recorder, ("same", passed))
        recorder.finish()
    assert len(list(export(toy.run, "kto"))) == 3


def test_each_task_gives_so_many_rows_over_all_its_rollouts(toy: Any) -> None:
    for repeat in range(3):
        for name in ("t1", "t2"):
            recorder = toy.begin(name, repeat)
            toy.solve(recorder, (f"{name} {repeat}", True))
            recorder.finish()
    rows = list(export(toy.run, "sft", per_task=2))
    assert Counter(row["task_id"] for row in rows) == {"t1": 2, "t2": 2}


def test_balance_takes_equally_many_of_each_kind_after_every_other_limit(toy: Any) -> None:
    for number in range(10):
        recorder = toy.begin(f"t{number}", family="a" if number < 3 else "b")
        toy.solve(recorder, *((f"{number} {sample}", sample > 0 or number % 2 == 0) for sample in range(4)))
        recorder.finish()
    data = export(toy.run, "kto", balance="label", per_task=3)
    labels = Counter(row["label"] for row in data)
    assert labels[True] == labels[False] == 5
    assert data.counts.dropped["go for an equal number of each label"] == 20
    families = Counter(int(row["task_id"][1:]) < 3 for row in export(toy.run, "kto", balance="family"))
    assert families == {True: 12, False: 12}


def test_thinning_takes_its_quota_evenly() -> None:
    thinning = Thinning({"a": 10, "b": 4})
    taken = [at for at in range(10) if thinning.take("a")]
    assert len(taken) == 4
    assert {right - left for left, right in pairwise(taken)} <= {2, 3}
    assert all(thinning.take("b") for _ in range(4))
    assert not thinning.take("b")
    assert not thinning.take("unheard of")


def test_seen_is_exact_beyond_what_it_holds_in_memory() -> None:
    seen = Seen()
    many = 30_000
    names = [hash(("row", at)) for at in range(many)]
    for name in names:
        assert not seen.holds(name)
        seen.add(name)
    assert all(map(seen.holds, names))
    seen.add(7)
    assert not seen.holds(7 + LAST + 1)
    seen.add(7 + LAST + 1)
    assert seen.holds(7) and seen.holds(7 + LAST + 1)
    seen.close()
