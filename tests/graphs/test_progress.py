import asyncio
from typing import Any

import pytest

from tutelage.agents import scripted
from tutelage.graphs import one_shot, rollout
from tutelage.graphs.progress import LINE_EVERY, Lines, Tally, shown
from tutelage.tools import exact
from tutelage.traces import TokenCount


def no_tokens() -> dict[str, TokenCount]:
    return {}


def test_a_tally_tells_what_is_known() -> None:
    tally = Tally(total=10, done=2, passed=1, judged=2)
    assert tally.facts() == "50.0 % right"
    tally.finished(True)
    tally.finished(None)
    tally.failed_with("ValueError: x")
    tally.speed = 1234.4
    assert tally.facts().startswith("66.7 % right, 1 failed, 1,234 tokens/s, 0:00:0")
    assert tally.facts().endswith(" left")
    assert tally.done == 5


def test_a_short_batch_says_nothing_off_a_terminal(tasks: Any, capsys: pytest.CaptureFixture[str]) -> None:
    rollout(one_shot(scripted(lambda *_: "answer: 1")), tasks(3), verifier=exact)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_failures_are_told_at_the_end_without_control_characters(
    tasks: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(messages: object, sample: int) -> str:
        raise ValueError("\x1b[2J gone\nmore")

    rollout(one_shot(scripted(fails)), tasks(3), verifier=exact)
    said = capsys.readouterr().err
    assert said == "tutelage: 3 rollouts failed; the first: ValueError: \\x1b[2J gone\n"
    rollout(one_shot(scripted(fails)), tasks(3), verifier=exact, progress=False)
    assert capsys.readouterr().err == ""


def test_lines_come_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(Tally(total=10, done=4, passed=1, judged=4))
    assert lines.every == LINE_EVERY == 10.0
    assert capsys.readouterr().err == "tutelage: 4/10 rollouts, 25.0 % right\n"


async def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    tally = Tally(total=4, done=0, passed=0, judged=0)
    async with shown(tally, lambda: {"solver": TokenCount(prompt=1, completion=50, turns=1, unknown=0)}):
        for _ in range(4):
            tally.finished(True)
        await asyncio.sleep(0.7)
    said = capsys.readouterr().err
    assert "4/4" in said
    assert "100.0 % right" in said


async def test_speed_is_of_this_call_only() -> None:
    tally = Tally(total=4, done=0, passed=0, judged=0)
    counts = iter([1000, 1000])
    async with shown(
        tally, lambda: {"solver": TokenCount(prompt=0, completion=next(counts), turns=1, unknown=0)}
    ):
        await asyncio.sleep(0.01)
    assert tally.speed == 0.0
