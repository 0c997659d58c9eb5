from pathlib import Path

import pytest
from tests.traces.conftest import Say

from tutelage import Score, Task
from tutelage.errors import UserError
from tutelage.traces import Run, Store, merge_runs


def shard(path: Path, tasks: range, say: Say, **settings: object) -> Path:
    with Store.open(path).start_run({"samples": 8, "tasks": {"count": len(tasks)}, **settings}) as run:
        for number in tasks:
            recorder = run.begin(Task(id=f"t{number}", problem=f"{number}?"))
            first = say(recorder, "41", prompt_token_ids=range(50), completion_token_ids=[1, 2])
            say(recorder, "42", parents=[first.id], prompt_token_ids=[*range(50), 1, 2, 3])
            made = recorder.candidate("42", turn_id=first.id)
            recorder.score(Score(name="exact", value=1, passed=True), subject="candidate", subject_id=made.id)
            recorder.score(Score(name="exact", value=1, passed=True))
            recorder.finish("42")
    return path


def contents(*paths: Path) -> list[str]:
    found: list[str] = []
    for path in paths:
        with Run.open(path) as run:
            records = [*run.rollouts(), *run.turns(), *run.candidates(), *run.scores()]
            found += [record.model_dump_json() for record in records]
    return sorted(found)


def test_a_merged_run_holds_what_its_shards_hold(tmp_path: Path, say: Say) -> None:
    one, two = shard(tmp_path / "1", range(3), say), shard(tmp_path / "2", range(3, 5), say)
    with merge_runs([one, two], tmp_path / "all") as run:
        assert [each.name for each in run.origins()] == ["all", "1", "2"]
    assert contents(tmp_path / "all") == contents(one, two)


def test_merging_again_adds_only_what_is_new(tmp_path: Path, say: Say) -> None:
    one = shard(tmp_path / "1", range(3), say)
    merge_runs([one], tmp_path / "all").close()
    with Store.open(one) as store:
        run = store.run()
        run.score(run.rollouts()[0].id, Score(name="numeric", value=0, passed=False))
    merge_runs([one, one], tmp_path / "all").close()
    assert contents(tmp_path / "all") == contents(one)


def test_a_merged_run_can_be_merged_again(tmp_path: Path, say: Say) -> None:
    one, two = shard(tmp_path / "1", range(3), say), shard(tmp_path / "2", range(3, 5), say)
    merge_runs([one], tmp_path / "some").close()
    merge_runs([tmp_path / "some", two], tmp_path / "all").close()
    assert contents(tmp_path / "all") == contents(one, two)


def test_a_task_that_was_done_twice_is_refused_and_the_first_stays(tmp_path: Path, say: Say) -> None:
    one, two = shard(tmp_path / "1", range(3), say), shard(tmp_path / "2", range(2, 5), say)
    with pytest.raises(UserError, match="repeat 0 of task 't2' is in two of the runs"):
        merge_runs([one, two], tmp_path / "all")
    assert contents(tmp_path / "all") == contents(one)


def test_merging_keeps_what_is_shared_shared(tmp_path: Path, say: Say) -> None:
    with Store.open(tmp_path / "1").start_run({}) as run:
        recorder = run.begin(Task(id="t", problem=""))
        said: list[dict[str, str]] = []
        ids: tuple[int, ...] = ()
        for number in range(60):
            said.append({"role": "user", "content": f"{number} " * 200})
            ids += tuple(range(number, number + 500))
            say(recorder, str(number), messages=said, prompt_token_ids=ids, completion_token_ids=[number])
            said.append({"role": "assistant", "content": str(number)})
            ids += (number,)
        recorder.finish()
    merge_runs([tmp_path / "1"], tmp_path / "all").close()
    before, after = ((tmp_path / name / "run.sqlite").stat().st_size for name in ("1", "all"))
    assert after < 1.2 * before


def test_a_refused_merge_leaves_nothing_behind(tmp_path: Path, say: Say) -> None:
    one, two = shard(tmp_path / "1", range(3), say), shard(tmp_path / "2", range(3, 5), say, samples=4)
    with pytest.raises(UserError, match=r"2' has setting 'samples' 4, and run .*1' has 8"):
        merge_runs([one, two], tmp_path / "all")
    assert not (tmp_path / "all").exists()
