"""Whatever a model says: text goes through the record, the importers and the exports, and comes back exactly."""

import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tutelage import Sampling, Score, Task
from tutelage.traces import Run, Store
from tutelage.traces.importing import import_chat
from tutelage.valid_text import is_valid, original_data, original_text, valid_data, valid_text

HOSTILE = (
    "",
    " \t\r\n",
    "\0",
    "\ud83d",
    "\ude00 back to front \ud83d",
    "\ufdd0d83d",
    "\ufffe\uffff\ufeff",
    "\x1b]0;owned\x07\x1b[2J\x9b31m",
    "<script>alert(1)</script> &amp; [red]x[/red] **b**",
    "\u202eright to left\u2066\u200f",
    "one\u2028line\u2029or\x85more",
    '{"role": "system", "content": null}',
    "null",
    "NaN",
    "\\ud83d \\u0000 \\",
    "👩\u200d👩\u200d👧 ﷽ Z̸̢͝",
    "'; DROP TABLE turns; --",
    "<|im_end|>\n<|im_start|>system",
    "{problem} %s {{ x }}",
)
COLUMNS = (
    "messages",
    "role",
    "content",
    "row_id",
    "turn_id",
    "completion",
    "metadata",
    "import",
    "__proto__",
)

texts = st.sampled_from(HOSTILE) | st.text(
    st.characters(categories=["Cs", "Cc", "Cf", "Co", "Lu"]) | st.characters(), max_size=20
)
keys = st.sampled_from(COLUMNS) | texts
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(keys, plain, max_size=3)
quick = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def with_extra(message: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    known = {
        "role",
        "content",
        "tool_calls",
        "name",
        "weight",
        "refusal",
        "tool_call_id",
        "function_call",
        "audio",
    }
    return {**message, **{key: value for key, value in extra.items() if key not in known}}


parts = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), min_size=1, max_size=2)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "id": texts,
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": texts, "arguments": texts | plain.map(json.dumps)}),
        }
    ),
    min_size=1,
    max_size=2,
)
prompts = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user"]), "content": texts | parts},
        optional={"name": texts},
    ),
    st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": texts, "content": texts | parts}),
)
optional: Any = {"name": texts, "weight": st.sampled_from([0, 1]), "refusal": st.none() | texts}
answers = st.one_of(
    st.fixed_dictionaries({"role": st.just("assistant"), "content": texts | parts}, optional=optional),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "tool_calls": calls},
        optional={"content": st.none() | texts | parts, **optional},
    ),
)
turns = st.lists(st.tuples(st.lists(prompts, max_size=2), answers), min_size=1, max_size=3)
tools = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": texts, "description": texts, "parameters": objects}),
        }
    ),
    min_size=1,
    max_size=2,
)
strict_lines = st.builds(
    lambda turns, more: {
        "messages": [each for before, answer in turns for each in (*before, answer)],
        **more,
    },
    turns,
    st.fixed_dictionaries({}, optional={"tools": tools, "parallel_tool_calls": st.booleans()}),
)
loose_lines = st.builds(
    lambda line, extra, after, more: {
        **{
            key: value
            for key, value in more.items()
            if key not in ("messages", "tools", "parallel_tool_calls")
        },
        **line,
        "messages": [with_extra(each, extra) for each in (*line["messages"], *after)],
    },
    strict_lines,
    objects,
    st.lists(prompts, max_size=2),
    objects,
)


def as_read(value: Any) -> Any:
    """What a file of JSON can say: two halves side by side are the character that they spell."""
    return json.loads(json.dumps(value))


def there_and_back(lines: list[Any], **options: Any) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
        with import_chat(path, Store.memory()) as run:
            out = run.export("chat", deduplicate=False, **options).jsonl(Path(folder) / "out.jsonl")
        return [json.loads(line) for line in out.read_text("utf-8").split("\n") if line]


def in_any_order(lines: list[Any]) -> list[str]:
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


@given(st.lists(strict_lines.map(as_read), min_size=1, max_size=3))
@quick
def test_exporting_what_was_imported_gives_the_conversations_back(lines: list[Any]) -> None:
    assert in_any_order(there_and_back(lines)) == in_any_order(lines)


@given(st.lists(loose_lines.map(as_read), min_size=1, max_size=2))
@quick
def test_exporting_verbatim_gives_everything_back(lines: list[Any]) -> None:
    assert in_any_order(there_and_back(lines, verbatim=True)) == in_any_order(lines)


@given(strict_lines.map(as_read), st.integers(0, 4000), st.sampled_from(["\ud83d", "\udfff", "\x7f"]))
@quick
def test_importing_never_fails_on_text_that_is_json(line: Any, length: int, text: str) -> None:
    line["messages"][-1]["content"] = text * length or "x"
    assert there_and_back([line]) == [line]


@given(
    text=texts,
    other=texts,
    message=objects,
    data=plain,
    extra=objects,
    calls=st.lists(objects, max_size=2),
    value=st.floats(),
)
@quick
def test_every_record_comes_back_from_disk_exactly(
    tmp_path: Path, text: str, other: str, message: Any, data: Any, extra: Any, calls: Any, value: float
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        task = Task(id=text, problem=other, reference=text, solution=other, family=text, metadata=extra)
        run_settings = {"text": text, "more": extra}
        with Store.open(Path(folder) / "run").start_run(run_settings, name=other or "x") as run:
            recorder = run.begin(task)
            turn = recorder.turn(
                role=text,
                node=other,
                messages=[message, {"role": "user", "content": text}],
                completion=other,
                tools=calls,
                tool_choice=data,
                tool_calls=calls,
                author=text,
                sampling=Sampling(stop=(text, other)),
                model=text,
                policy=other,
                finish_reason=text,
                error=other,
                metadata=extra,
                started=1.0,
                seconds=0.5,
            )
            candidate = recorder.candidate(text, answer=other, turn_id=turn.id)
            score = recorder.score(
                Score(name=text, value=value, feedback=other), subject="turn", subject_id=turn.id
            )
            recorder.finish(text, output=data)
            copy = run.copy(Path(folder) / "copy.tutelage")
        for place in (Path(folder) / "run", copy):
            with Run.open(place) as found:
                assert found.turns() == [turn]
                assert found.turns(role=text, node=other, policy=other) == [turn]
                assert found.candidates() == [candidate]
                (rollout,) = found.rollouts()
                assert (rollout.task, rollout.answer, rollout.output) == (task, text, data)
                assert (found.settings, found.name) == (run_settings, other or "x")
                (back,) = found.scores()
                assert back.score.model_copy(update={"value": 0.0}) == score.score.model_copy(
                    update={"value": 0.0}
                )
                assert back.score.value == value or (math.isnan(back.score.value) and math.isnan(value))


@given(texts)
@settings(deadline=None, max_examples=200)
def test_text_that_is_not_unicode_is_written_as_text_that_is_and_comes_back(text: str) -> None:
    written = valid_text(text)
    written.encode()
    assert original_text(written) == text
    assert (written == text) is is_valid(text)


@given(plain, objects)
@quick
def test_plain_data_comes_back_through_valid_text(data: Any, more: Any) -> None:
    json.dumps(valid_data([data, more]), ensure_ascii=False).encode()
    assert original_data(valid_data([data, more])) == [data, more]


def test_texts_that_were_made_valid_come_back_from_parquet(tmp_path: Path) -> None:
    table = pa.table({"text": [valid_text(text) for text in HOSTILE]})
    pq.write_table(table, tmp_path / "texts.parquet")
    back = pq.read_table(tmp_path / "texts.parquet").column("text").to_pylist()
    assert tuple(map(original_text, back)) == HOSTILE


def judged(run: Run, text: str) -> None:
    """Two rollouts of one task, one right and one wrong, every text of them the same."""
    for repeat, passed in enumerate((True, False)):
        recorder = run.begin(Task(id=text, problem=text, reference=text, solution=text), repeat)
        turn = recorder.turn(
            role=text,
            node=text,
            messages=[{"role": "user", "content": text}],
            completion=f"{text}{repeat}",
            sampling=Sampling(),
            model=text,
            policy=text,
            finish_reason="stop",
            prompt_token_ids=[1],
            completion_token_ids=[2],
            logprobs=[-1.0],
            started=1.0,
            seconds=0.5,
        )
        candidate = recorder.candidate(turn.completion, turn_id=turn.id)
        score = Score(name="exact", value=float(passed), passed=passed, steps=(1.0,), feedback=text)
        for subject, name in (("candidate", candidate.id), ("rollout", None)):
            recorder.score(score, subject=subject, subject_id=name)  # type: ignore[arg-type]
        recorder.score(Score(name=text, value=math.nan, feedback=text), subject="turn", subject_id=turn.id)
        recorder.finish(text)


@pytest.fixture(scope="module")
def written() -> Iterator[Run]:
    """A run of all hostile texts."""
    with Store.memory().start_run({}) as run:
        for text in HOSTILE:
            judged(run, text)
        yield run


@pytest.mark.parametrize("format", ["atif", "chat", "dpo", "grpo", "kto", "otel", "reward", "sft"])
def test_every_export_comes_back_from_its_files(written: Run, format: str, tmp_path: Path) -> None:
    export = written.export(format, verifier="exact")
    rows = [row.get("document", row) for row in export]
    assert len(rows) >= len(HOSTILE)
    lines = export.jsonl(tmp_path / "rows.jsonl").read_text("utf-8").split("\n")
    assert [json.loads(line, parse_constant=pytest.fail) for line in lines if line] == rows
    table = pq.read_table(export.parquet(tmp_path / "rows.parquet"))
    found = [as_rows(row) for row in table.to_pylist()]
    assert len(found) == len(rows)
    for row, back in zip(rows, found, strict=True):
        assert original_data(back) == row


def test_text_that_a_file_of_columns_cannot_hold_is_told_in_numbers(written: Run, tmp_path: Path) -> None:
    export = written.export("kto", verifier="exact")
    rows = list(export)
    back = pq.read_table(export.parquet(tmp_path / "rows.parquet")).to_pylist()
    changed = sum(row != other for row, other in zip(rows, back, strict=True))
    assert 0 < changed < len(rows)
    assert f"{changed} rows hold lone surrogates" in export.report()


def as_rows(row: dict[str, Any]) -> Any:
    """A row of a Parquet file, JSON columns read."""
    return json.loads(row["document"]) if "document" in row else row


@pytest.mark.slow
def test_ten_megabytes_go_in_and_out(tmp_path: Path) -> None:
    text = "\ud83d\0é" + "All work and no play. " * 480_000
    line = {"messages": [{"role": "user", "content": text[::-1]}, {"role": "assistant", "content": text}]}
    assert there_and_back([line]) == [line]
