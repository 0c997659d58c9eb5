from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.traces.export.conftest import speak, user

from tutelage import Score, Task
from tutelage.traces import Run, Store
from tutelage.traces.export import export, format

TASK = Task(id="t1", problem="Q")


def tried(run: Run, repeat: int, role: str, passed: bool) -> None:
    recorder = run.begin(TASK, repeat)
    speak(recorder, role, [user("Q")], f"a{repeat}", policy=f"policy of {role}")
    recorder.score(Score(name="exact", value=float(passed), passed=passed))
    recorder.finish()


@pytest.fixture
def writing(directory: Path) -> Iterator[Run]:
    with Store.open(directory).start_run({}) as run:
        tried(run, 0, "solver", True)
        yield run


@pytest.mark.parametrize("to", ["sft", "kto", "dpo", "prm", "grpo", "chat", "atif"])
def test_a_page_is_of_one_moment_whatever_is_written_meanwhile(
    writing: Run, directory: Path, to: str
) -> None:
    with Run.open(directory) as reading:
        statements: list[str] = []
        connection = reading._store.database._connection

        def traced(statement: str) -> None:
            statements.append(statement)
            if "FROM rollouts r" in statement and len(statements) < 1000:
                statements.extend([""] * 1000)
                tried(writing, 1, "late", False)
                writing.score(begun.id, Score(name="exact", value=0.125, passed=True))

        (begun,) = writing.rollouts()
        data = export(reading, to)
        connection.set_trace_callback(traced)
        rows = list(data)
        connection.set_trace_callback(None)
        assert len(statements) > 1000
        assert all("late" not in str(row) for row in rows)
        assert to == "atif" or all("0.125" not in str(row) for row in rows)


@pytest.mark.parametrize(
    ("to", "options"),
    [
        ("sft", {"balance": "role", "passed": None}),
        ("kto", {"balance": "label"}),
        ("grpo", {"form": "groups"}),
    ],
)
def test_what_begins_while_an_export_is_read_is_not_in_it(
    writing: Run, directory: Path, monkeypatch: pytest.MonkeyPatch, to: str, options: dict[str, Any]
) -> None:
    repeats = iter(range(1, 9))

    def examples(self: Any, story: Any) -> Any:
        tried(writing, next(repeats), "late", False)
        return select(self, story)

    select = format.Job.examples
    monkeypatch.setattr(format.Job, "examples", examples)
    with Run.open(directory) as reading:
        assert [row["role"] for row in export(reading, to, **options)] == ["solver"]


def test_a_policy_that_first_speaks_while_an_export_is_read_has_the_last_version(
    writing: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = writing.begin(TASK, 1)
    with Run.open(directory) as reading:
        data = export(reading, "grpo", form="groups")
        job = data._job()
        speak(begun, "solver", [user("Q")], "late", policy="new")
        begun.score(Score(name="exact", value=0.0, passed=False))
        begun.finish()
        monkeypatch.setattr(data, "_job", lambda: job)
        assert [row["model_version"] for row in data] == [0, 1]


def test_a_store_that_is_written_in_this_process_is_read_too(writing: Run) -> None:
    assert len(list(export(writing, "sft"))) == 1
    with writing._store.database.transaction():
        assert len(list(export(writing, "sft"))) == 1
