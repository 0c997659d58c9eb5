import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import StoreError, UserError
from tutelage.traces import Run, Store
from tutelage.traces.importing import guess_format, import_run

Written = Callable[..., Path]


def chat(number: int, **more: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": f"answer {number}"}
    return {"messages": [{"role": "user", "content": f"question {number % 3}"}, said], **more}


def answers(run: Run) -> list[str]:
    return [turn.completion for turn in run.turns()]


@pytest.mark.parametrize(
    ("line", "format"),
    [
        (chat(1), "chat"),
        ({"problem": "p", "solution": "s"}, "solutions"),
        ({"question": "q", "answer": "#### 5"}, "solutions"),
        ({"question": "q", "ground_truth": "A: 5", "6b": {"solution": "A: 5"}}, "solutions"),
        ({"task": {"data": {}}, "traces": []}, "verifiers"),
    ],
)
def test_the_format_is_guessed_from_the_first_line_and_said(
    written: Written, store: Path, line: dict[str, Any], format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written("", line)
    assert guess_format(path) == format
    import_run(path, store).close()
    assert f"file.jsonl is read as {'OpenAI' if format == 'chat' else ''}" in capsys.readouterr().err


def test_a_named_format_is_not_guessed(
    written: Written, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_run(written(chat(1)), store, "chat").close()
    assert capsys.readouterr().err == ""


def test_what_cannot_be_guessed_says_what_to_do(written: Written, store: Path) -> None:
    with pytest.raises(
        UserError, match=r"no known format has these keys: 'text'; name one of chat, solutions"
    ):
        import_run(written({"text": "x"}), store)
    with pytest.raises(UserError, match="unknown format 'csv'; known are chat, solutions, verifiers"):
        import_run(written(chat(1)), store, "csv")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="there is no such file"):
        import_run("/nowhere.jsonl", store, "chat")
    assert not store.exists()


def test_the_same_import_twice_doubles_nothing(written: Written, store: Path) -> None:
    path = written(*map(chat, range(7)))
    import_run(path, store, "chat").close()
    with import_run(path, store, "chat") as run:
        assert answers(run) == [f"answer {number}" for number in range(7)]
        assert [each.repeat for each in run.rollouts()] == [0, 0, 0, 1, 1, 1, 2]


def test_a_bad_line_keeps_what_stands_before_it_and_the_next_call_goes_on(
    written: Written, store: Path
) -> None:
    path = written(*map(chat, range(3)), '{"messages": [', chat(4))
    for _ in range(2):
        with pytest.raises(UserError, match=r"file.jsonl:4: not JSON: .* at column \d+; .* \(the 3 rollouts"):
            import_run(path, store, "chat")
        with Run.open(store) as run:
            assert answers(run) == ["answer 0", "answer 1", "answer 2"]
    path = written(*map(chat, range(5)))
    with import_run(path, store, "chat") as run:
        assert answers(run) == [f"answer {number}" for number in range(5)]


def test_a_line_without_sense_says_how_far_the_import_got(written: Written, store: Path) -> None:
    with pytest.raises(
        UserError, match=r"file.jsonl:3: 'messages' .*\(the 2 rollouts before it are on record"
    ):
        import_run(written(chat(0), chat(1), {"messages": []}), store, "chat")


def test_lines_that_were_appended_are_imported_later(written: Written, store: Path) -> None:
    import_run(written(chat(0)), store, "chat").close()
    with import_run(written(chat(0), chat(1)), store, "chat") as run:
        assert answers(run) == ["answer 0", "answer 1"]


def test_a_file_that_has_changed_is_refused_before_anything_is_written(written: Written, store: Path) -> None:
    import_run(written(chat(0), chat(1)), store, "chat").close()
    for changed in ((chat(2), chat(0), chat(1)), (chat(0),)):
        with pytest.raises(UserError, match="import the changed file into another directory"):
            import_run(written(*changed), store, "chat")
    with Run.open(store) as run:
        assert answers(run) == ["answer 0", "answer 1"]


def test_one_directory_holds_the_import_of_one_file(written: Written, store: Path) -> None:
    import_run(written(chat(0)), store, "chat").close()
    with pytest.raises(UserError, match=r'setting \'import.file\' is "other.jsonl"'):
        import_run(written(chat(0), name="other.jsonl"), store, "chat")
    with pytest.raises(UserError, match=r"setting 'import\.format'"):
        import_run(written(chat(0)), store, "solutions")


def test_what_a_dead_import_left_running_is_done_anew(written: Written, store: Path) -> None:
    with import_run(written(chat(0)), store, "chat") as run:
        settings, task = run.settings, run.rollouts()[0].task
    with Store.open(store).start_run(settings) as run:
        run.begin(task.model_copy(update={"id": "half"}))
    with import_run(written(chat(0), chat(1)), store, "chat") as run:
        assert answers(run) == ["answer 0", "answer 1"]
        assert len(run.rollouts("abandoned")) == 1


def test_an_imported_run_can_be_written_by_another_process(written: Written, store: Path) -> None:
    with import_run(written(chat(0)), store, "chat"), Store.open(store) as other:
        assert other.run().finished()


def test_an_open_store_will_do(written: Written) -> None:
    with import_run(written(chat(0)), Store.memory(), "chat") as run:
        assert answers(run) == ["answer 0"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"[1]\n", "a JSON object is needed, not list '[1]'"),
        (b'{"messages": "\xff"}\n', "byte 15 is not UTF-8; save the file as UTF-8"),
        ('{"a": 1}\n'.encode("utf-16"), "byte 1 is not UTF-8"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": 1e999}', "1e999 is beyond the range of a number"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' appears twice in one object"),
        (b'{"a": ' + b"[" * 100_000, "not usable JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not usable JSON"),
    ],
)
def test_bytes_that_are_no_json_lines_are_one_clear_error(
    tmp_path: Path, store: Path, raw: bytes, message: str
) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(raw)
    with pytest.raises(UserError) as caught:
        import_run(path, store, "chat")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_blank_lines_and_carriage_returns_are_harmless(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(
        b"\xef\xbb\xbf\r\n" + json.dumps(chat(0)).encode() + b"\r\n\r\n" + json.dumps(chat(1)).encode()
    )
    with import_run(path, store, "chat") as run:
        assert answers(run) == ["answer 0", "answer 1"]


def test_a_task_that_the_file_names_twice_is_an_error_of_its_line(written: Written, store: Path) -> None:
    lines = [{"id": "t", "problem": problem, "solution": "x"} for problem in "pq"]
    with pytest.raises(UserError, match=r"file.jsonl:2: task 't' is recorded .* with other contents"):
        import_run(written(*lines), store, "solutions")


def test_a_store_that_cannot_be_written_says_so(written: Written, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="is a file"):
        import_run(written(chat(0)), tmp_path / "taken", "chat")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path, store: Path) -> None:
    peaks = {}
    for lines in (50, 500):
        path = tmp_path / f"{lines}.jsonl"
        with path.open("w") as file:
            for number in range(lines):
                said = {"role": "assistant", "content": f"{number:03} " * 5_000}
                print(json.dumps({"messages": [{"role": "user", "content": str(number)}, said]}), file=file)
        tracemalloc.start()
        import_run(path, store / path.stem, "chat").close()
        peaks[path.stat().st_size] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    (small, less), (large, more) = peaks.items()
    assert more - less < (large - small) / 4
