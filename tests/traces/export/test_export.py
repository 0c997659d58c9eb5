import json
import os
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tutelage.errors import StoreError, UserError
from tutelage.traces import Run
from tutelage.traces.export import FORMATS, export
from tutelage.valid_text import original_data

LINEAGE = [
    *("row_id", "run_id", "task_id", "rollout_id", "turn_id", "role", "node", "policy", "scores", "context")
]


def test_rows_come_out_alike_as_dicts_json_lines_parquet_arrow_and_dataset(
    looping: Any, tmp_path: Path
) -> None:
    for options in ({}, {"form": "messages"}, {"form": "tokens"}):
        data = export(looping.run, "sft", **options)
        rows = list(data)
        assert len(rows) == 9
        lines = data.jsonl(tmp_path / "rows.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line) for line in lines] == rows
        assert pq.read_table(data.parquet(tmp_path / "rows.parquet")).to_pylist() == rows
        assert data.dataset().to_list() == rows
        assert data.schema.names == list(rows[0])


def test_every_format_of_data_sets_has_lineage_behind_its_own_columns(looping: Any) -> None:
    for to in ("dpo", "grpo", "kto", "prm", "reward", "sdft", "sdpo", "sft"):
        data = export(looping.run, to)
        rows = list(data)
        assert rows, to
        assert list(rows[0])[-len(LINEAGE) :] == LINEAGE
        turns = {turn.id: turn for turn in looping.run.turns()}
        for row in rows:
            turn = turns[row["turn_id"]]
            assert row["row_id"] == f"{looping.run.id}/{turn.id}"
            assert (row["rollout_id"], row["role"]) == (turn.rollout_id, turn.role)
            assert (row["node"], row["policy"]) == (turn.node, turn.policy)


def test_scores_in_a_row_say_what_they_judge(looping: Any) -> None:
    row = next(iter(export(looping.run, "sft", roles="reviewer")))
    assert json.loads(row["scores"]) == [
        {"of": "turn", "name": "verdict", "value": 0.0, "passed": False},
        {"of": "rollout", "name": "exact", "value": 1.0, "passed": True},
    ]


def test_the_account_adds_up_and_is_told_in_a_line(looping: Any) -> None:
    data = export(looping.run, "sft", roles=("solver", "refiner"), per_task=1)
    rows = list(data)
    counts = data.counts
    assert (counts.kept, counts.of) == (len(rows), 12) == (3, 12)
    assert counts.dropped == {
        "did not pass": 3,
        "are not by solver or refiner": 3,
        "go beyond 1 of a task": 3,
    }
    assert data.report().startswith("kept 3 of 12 turns, because 3 ")


def test_an_export_counts_anew_each_time_it_is_read(looping: Any) -> None:
    data = export(looping.run, "kto")
    with pytest.raises(UserError, match="once it was read"):
        data.report()
    assert len(list(data)) == len(list(data)) == data.counts.kept == 12


def test_scores_given_later_count(looping: Any) -> None:
    from tutelage import Score

    candidate = looping.run.candidates()[0]
    looping.run.score(
        candidate.rollout_id,
        Score(name="exact", value=0.0, passed=False),
        subject="candidate",
        subject_id=candidate.id,
    )
    assert len(list(export(looping.run, "sft"))) == 8


def test_what_is_not_there_is_told_with_what_there_is(looping: Any) -> None:
    with pytest.raises(UserError, match="'sgd' is no format; there are atif, chat, distill, dpo"):
        export(looping.run, "sgd")
    with pytest.raises(UserError, match="'sft' has no option 'rolle'; it has balance, context"):
        export(looping.run, "sft", rolle="solver")
    with pytest.raises(UserError, match="option 'per_task': Input should be greater than 0"):
        export(looping.run, "sft", per_task=0)
    with pytest.raises(UserError, match=r"has no scores of 'strict' .there are: 'exact'"):
        export(looping.run, "sft", verifier="strict")


def test_a_run_without_scores_says_how_to_take_everything(toy: Any) -> None:
    recorder = toy.begin()
    toy.say(recorder, "solver", "Q", "A")
    recorder.finish()
    with pytest.raises(UserError, match="passed=None"):
        export(toy.run, "sft")
    assert [row["completion"][0]["content"] for row in export(toy.run, "sft", passed=None)] == ["A"]


def test_abandoned_rollouts_give_nothing_and_failed_ones_when_asked(toy: Any) -> None:
    for name, end in (("t1", "finish"), ("t2", "fail"), ("t3", "abandon"), ("t4", "")):
        recorder = toy.begin(name)
        toy.say(recorder, "solver", "Q", name)
        if end:
            getattr(recorder, end)(*() if end == "finish" else ("it broke",))
    data = export(toy.run, "sft", passed=None)
    assert [row["task_id"] for row in data] == ["t1"]
    assert data.counts.dropped == {"belong to a rollout that is not done": 2}
    assert [row["task_id"] for row in export(toy.run, "sft", passed=None, failed=True)] == ["t1", "t2"]


def test_rows_are_read_task_by_task_over_many_pages(toy: Any) -> None:
    for repeat in range(2):
        for number in range(40):
            recorder = toy.begin(f"t{number}", repeat)
            toy.solve(recorder, (f"a{repeat}", True), (f"b{repeat}", False))
            recorder.finish()
    rows = list(export(toy.run, "kto"))
    assert [row["task_id"] for row in rows] == [f"t{at // 4}" for at in range(160)]
    assert Counter(row["label"] for row in rows) == {True: 80, False: 80}


def test_a_file_is_whole_or_not_there(looping: Any, tmp_path: Path) -> None:
    def breaks(example: Any) -> Any:
        raise RuntimeError("no")

    data = export(looping.run, "sft", context=breaks)
    for write in (data.jsonl, data.parquet, data.arrow):
        with pytest.raises(RuntimeError):
            write(tmp_path / "rows")
        assert os.listdir(tmp_path) == []
    with pytest.raises(StoreError, match="cannot be written"):
        export(looping.run, "sft").jsonl(Path("/proc/no/rows.jsonl"))


def test_a_reader_may_stop_at_any_row(looping: Any) -> None:
    data = export(looping.run, "sft")
    assert len(list(islice(data, 2))) == 2
    with pytest.raises(UserError):
        data.report()


def test_hostile_text_is_kept_in_json_lines_and_can_be_had_back_from_columns(
    toy: Any, tmp_path: Path
) -> None:
    hostile = "\ud83d alone, \0, \x1b[31m, \u202e, \u2028, \x85, \u2029, é😀"
    recorder = toy.begin(problem=hostile)
    toy.say(recorder, "solver", hostile, hostile, completion_token_ids=None, logprobs=None)
    recorder.finish()
    data = export(toy.run, "sft", passed=None, form="messages")
    (row,) = data
    assert [each["content"] for each in row["messages"]] == [hostile, hostile]
    (line,) = data.jsonl(tmp_path / "rows.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line) == row
    (column,) = data.dataset()["messages"]
    assert column[0]["content"] == hostile.replace("\ud83d", "\ufdd0d83d")
    assert original_data(data.dataset()[0]) == row
    told = "written as U+FDD0 and four digits here (tutelage.valid_text undoes it)"
    assert f"1 rows hold lone surrogates, which are {told}" in data.report()


def test_it_reads_a_run_that_is_still_written(looping: Any) -> None:
    running = looping.begin("t9")
    looping.solve(running, ("late", True))
    data = export(looping.run, "sft")
    assert len(list(data)) == 9
    assert data.counts.dropped["belong to a rollout that is not done"] == 1


def test_every_name_loads_a_format_with_its_own_name() -> None:
    from tutelage.traces.export.formats import format_named

    assert [format_named(name).name for name in FORMATS] == list(FORMATS)


def test_a_run_exports_itself(looping: Any) -> None:
    run: Run = looping.run
    assert list(run.export("sft")) == list(export(run, "sft"))


def test_no_rows_are_a_data_set_too(looping: Any, tmp_path: Path) -> None:
    for options in ({}, {"form": "tokens"}):
        everything = [each.task for each in looping.run.rollouts()]
        data = export(looping.run, "sft", heldout=everything, **options)
        assert data.dataset().column_names == data.schema.names
        assert pq.read_table(data.parquet(tmp_path / "rows.parquet")).num_rows == 0
        assert data.jsonl(tmp_path / "rows.jsonl").read_text() == ""
        assert data.report().startswith("kept 0 of ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"roles": "slover"}, r"no role 'slover' \(there are: .*'solver'"),
        ({"nodes": ("nowhere",)}, "no node 'nowhere'"),
        ({"policies": "p2"}, "no policy 'p2'"),
    ],
)
def test_names_that_the_run_does_not_know_are_refused_with_those_it_knows(
    looping: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        export(looping.run, "kto", **options)
