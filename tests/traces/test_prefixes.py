from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.traces.conftest import Say

from tutelage import Task
from tutelage.traces import Store

messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "\ud800"]), "content": st.text(max_size=5)},
        optional={"name": st.text(max_size=3)},
    ),
    max_size=4,
)
token_ids = st.lists(st.sampled_from([1, 2, 70_000]), max_size=40)
turns = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 60), messages, st.none() | token_ids, st.none() | token_ids),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(turns)
def test_turns_that_share_beginnings_come_back_as_they_were(say: Say, plan: list[Any]) -> None:
    store = Store.memory()
    recorder = store.start_run({}).begin(Task(id="t", problem=""))
    said = [say(recorder, messages=[], prompt_token_ids=[1] * 50, completion_token_ids=[2] * 20)]
    for earlier, kept, more, read, written in plan:
        before = said[earlier % len(said)]
        ids = None
        if read is not None:
            known = (before.prompt_token_ids or ()) + (before.completion_token_ids or ())
            ids = [*known[:kept], *read]
        prompt = [*before.messages[: kept % 5], *more]
        said.append(say(recorder, messages=prompt, prompt_token_ids=ids, completion_token_ids=written))
    assert store.run().turns() == said
    assert store.database.rows("PRAGMA foreign_key_check") == []
    store.close()


def test_a_conversation_costs_what_is_new_in_it(tmp_path: Path, say: Say) -> None:
    def size(name: str, turns: int) -> int:
        with Store.open(tmp_path / name).start_run({}) as run:
            recorder = run.begin(Task(id="t", problem=""))
            said: list[dict[str, str]] = []
            ids: tuple[int, ...] = ()
            for number in range(turns):
                said.append({"role": "user", "content": f"{number} " * 300})
                ids += tuple(range(number, number + 500))
                say(recorder, str(number), messages=said, prompt_token_ids=ids, completion_token_ids=[number])
                said.append({"role": "assistant", "content": str(number)})
                ids += (number,)
        return (tmp_path / name / "run.sqlite").stat().st_size

    small = size("small", 20)
    assert size("large", 80) < 4.5 * small


@pytest.mark.parametrize("turns", [300])
def test_what_is_forgotten_is_written_again_and_read_the_same(
    say: Say, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutelage.traces.writing.REMEMBERED", 3)
    store = Store.memory()
    recorder = store.start_run({}).begin(Task(id="t", problem=""))
    said = [
        say(
            recorder,
            "x" * 300 * (number % 5),
            role=f"role {number % 7}",
            messages=[{"role": "user", "content": "y" * 200 * (number % 11)}],
            prompt_token_ids=[number % 13] * 40,
        )
        for number in range(turns)
    ]
    assert store.run().turns() == said
    store.close()
