"""Batches and clients in processes of their own are killed at any moment: no finished turn is lost, nothing hangs."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tutelage.errors import UserError
from tutelage.graphs.control import ControlError, attach
from tutelage.graphs.control.address import find
from tutelage.traces import Run

Child = Callable[..., subprocess.Popen[str]]
CLIENT = """
import sys, time
from tutelage.graphs.control import attach
client = attach(sys.argv[1])
client.pause(now=True)
client.break_on("reviewer", at="before")
print("attached", flush=True)
time.sleep(600)
"""


def answered(directory: Path) -> int:
    with Run.open(directory / "run") as run:
        return sum(turn.error is None for turn in run.turns())


def killed_while_paused(
    directory: Path, child: Child, attach_to: Any, wait_until: Any, done: int
) -> set[str]:
    """Continue the batch, hold a rollout of it, pause it, and kill it; give what is finished."""
    batch = child(directory)
    client = attach_to(directory / "run")
    client.break_on("reviewer", at="after", temporary=True)
    assert client.wait(60) is not None
    client.set("verdict", "right")
    wait_until(lambda: client.status().done > done + 5, 60)
    client.pause(timeout=20)
    before = answered(directory)
    batch.send_signal(signal.SIGKILL)
    batch.wait(60)
    wait_until(lambda: client.over)
    with pytest.raises(ControlError):
        client.status()
    client.close()
    assert answered(directory) == before
    with Run.open(directory / "run") as run:
        finished = {each.task.id for each in run.rollouts("done")}
    assert done < len(finished) < 60
    return finished


@pytest.mark.slow
def test_a_batch_killed_while_it_is_paused_and_held_continues_and_repeats_nothing(
    tmp_path: Path, child: Child, attach_to: Any, wait_until: Any
) -> None:
    first = killed_while_paused(tmp_path, child, attach_to, wait_until, 0)
    finished = killed_while_paused(tmp_path, child, attach_to, wait_until, len(first))
    assert first < finished
    with pytest.raises(UserError, match="gone"):
        attach(tmp_path / "run")

    log = (tmp_path / "calls.log").read_text().splitlines()
    last = child(tmp_path, "scripted", "60", "0")
    out, said = last.communicate(timeout=120)
    assert (last.returncode, out.strip()) == (0, "60"), said
    again = {f"t{line.split()[1]}" for line in (tmp_path / "calls.log").read_text().splitlines()[len(log) :]}
    assert not again & finished
    assert find(tmp_path / "run") is None


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_client_that_dies_hangs_nothing(
    tmp_path: Path, child: Child, attach_to: Any, how: signal.Signals
) -> None:
    batch = child(tmp_path, "scripted", "60", "0.3")
    attach_to(tmp_path / "run").close()
    command = [sys.executable, "-P", "-c", CLIENT, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "attached\n"
        with attach(tmp_path / "run") as other:
            assert other.status().paused
        client.send_signal(how)
    out, said = batch.communicate(timeout=120)
    assert (batch.returncode, out.strip()) == (0, "60"), said


@pytest.mark.slow
def test_a_frozen_client_holds_only_what_it_holds_and_another_takes_over(
    tmp_path: Path, child: Child, attach_to: Any
) -> None:
    batch = child(tmp_path, "scripted", "60", "0.3")
    attach_to(tmp_path / "run").close()
    command = [sys.executable, "-P", "-c", CLIENT, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None and client.stdout.readline()
        client.send_signal(signal.SIGSTOP)
        with attach(tmp_path / "run") as other:
            other.resume()
            other.clear()
            while any(each.status == "held" for each in other.flights()):
                other.pick(next(each.number for each in other.flights() if each.status == "held"))
                other.go()
            out, said = batch.communicate(timeout=120)
        client.kill()
    assert (batch.returncode, out.strip()) == (0, "60"), said


@pytest.mark.slow
def test_ctrl_c_ends_a_paused_batch_cleanly(tmp_path: Path, child: Child, attach_to: Any) -> None:
    batch = child(tmp_path, "scripted", "60", "0.3")
    with attach_to(tmp_path / "run") as client:
        client.pause(timeout=20)
        batch.send_signal(signal.SIGINT)
        batch.wait(60)
    assert batch.returncode == -signal.SIGINT
    with Run.open(tmp_path / "run") as run:
        assert not run.rollouts("running")
    assert find(tmp_path / "run") is None


@pytest.mark.slow
def test_a_real_model_is_held_changed_and_answered_for(tmp_path: Path, child: Child, attach_to: Any) -> None:
    batch = child(tmp_path, "embedded+transformers", "2")
    with attach_to(tmp_path / "run") as client:
        client.break_on(role="reviewer", temporary=True)
        held = client.wait(120)
        assert held is not None
        request = client.look().stop.request
        assert request is not None and "Check every step" in str(request.messages[-1]["content"])
        client.edit_prompt(sampling={"temperature": 0.0})
        after = client.step(120)
        assert after is not None and after.stop is not None and after.stop.when == "after"
        assert client.look().state["verdict"] in ("right", "wrong", "none")
        client.set("verdict", "wrong")
        again = client.until("refiner", 120)
        assert again is not None
        assert client.step(120) is not None
        client.say("answer: 0")
        client.go()
        number = held.rollout
    out, said = batch.communicate(timeout=300)
    assert (batch.returncode, out.strip()) == (0, "2"), said
    with Run.open(tmp_path / "run") as run:
        turns = run.turns(number)
        reviewed = next(turn for turn in turns if turn.role == "reviewer")
        assert reviewed.sampling.temperature == 0.0 and reviewed.completion_token_ids
        assert [turn.completion for turn in turns if turn.author == "person"] == ["answer: 0"]
