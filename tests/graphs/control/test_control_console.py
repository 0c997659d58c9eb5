"""A running batch is driven by lines of text; what a model wrote never reaches the terminal as it is."""

from collections.abc import Callable
from typing import Any

import pytest

from tutelage.graphs.control.console import SHORT, WORDS

Start = Callable[..., Any]


def test_a_rollout_is_held_looked_at_changed_and_let_go_by_lines(start: Start) -> None:
    batch = start(tasks=2, concurrency=1)
    client = batch.attach()
    assert "after reviewer verdict:wrong" in client.execute("b reviewer verdict:wrong").text
    batch.engine.allow()
    assert "after reviewer" in client.execute("wait").text
    assert client.execute("p verdict").data == "wrong"
    assert client.execute("p len(candidates) > 0 and step == 1").data is True
    assert "verdict" in client.execute("changes").text
    assert "verdict: wrong at step 1" in client.execute("state review").text
    assert client.execute("set verdict = 'right'").text == "verdict is set"
    assert "held" in client.execute("ps").text
    assert "1 held" in client.execute("st").text
    assert "goes on" in client.execute("c").text
    assert batch.finish().summary()["rollouts"]["done"] == 2
    assert client.execute("").ended


def test_prompts_are_shown_edited_and_answered_by_lines(start: Start) -> None:
    batch = start(tasks=1)
    client = batch.attach()
    client.execute("b role:reviewer")
    batch.engine.allow()
    assert "is asked" in client.execute("wait").text
    assert "Check every step" in client.execute("prompt").text
    assert not client.execute('edit "Check every step of\\nproblem 1 ."').refused
    assert "problem 1 ." in client.execute("prompt").text
    assert not client.execute("sampling temperature=0.5 max_tokens=9").refused
    assert not client.execute("say verdict: right \x1b[2J").refused
    held = client.execute("s").text
    assert "after reviewer" in held and "\x1b" not in held
    client.execute("cl")
    client.execute("q")
    run = batch.finish()
    assert [turn.author for turn in run.turns() if turn.role == "reviewer"] == ["person"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("detatch", "did you mean 'detach'"),
        ("s", "no rollout is picked"),
        ("pick nobody", "nothing in flight"),
        ("b revewer", "did you mean 'reviewer'"),
        ("b reviewer when verdikt == 1", "did you mean 'verdict'"),
        ("concurrency many", "whole number"),
        ("pause later", "takes nothing or 'now'"),
        ("set verdict", "FIELD = VALUE"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(start: Start, line: str, why: str) -> None:
    batch = start()
    reply = batch.attach().execute(line)
    assert reply.refused and why in reply.text


def test_a_batch_is_paused_retuned_and_left_by_lines(start: Start) -> None:
    batch = start()
    client = batch.attach()
    assert client.execute("pause now").text.startswith("paused")
    assert client.execute("concurrency 3").text.startswith("at most 3")
    assert client.execute("resume").text == "the batch goes on"
    assert len(client.execute("help").lines) == len(WORDS) >= len(set(SHORT.values()))
    assert client.execute("detach").ended
    assert batch.finish().summary()["rollouts"]["done"] == 4
