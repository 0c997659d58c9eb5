"""A batch that runs can be watched, paused, retuned and stopped from another process of the same user."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tutelage.agents import scripted
from tutelage.errors import UserError
from tutelage.graphs import arollout, one_shot, rollout
from tutelage.graphs.control import ControlError, attach
from tutelage.graphs.control.address import find, place_for
from tutelage.graphs.control.crew import Crew
from tutelage.tools import exact
from tutelage.types import Task

Start = Callable[..., Any]
WaitUntil = Callable[..., Any]


def test_the_status_counts_what_is_done_and_what_is_in_flight(start: Start, wait_until: WaitUntil) -> None:
    batch = start(one_shot, tasks=4)
    client = batch.attach()
    wait_until(lambda: len(batch.engine.asked) == 2)
    status = client.status()
    assert (status.total, status.done, status.flying, status.paused) == (4, 0, 2, False)
    assert [(each.task, each.nodes, each.status) for each in client.flights()] == [
        ("t0", ("solver",), "running"),
        ("t1", ("solver",), "running"),
    ]
    batch.engine.allow(1)
    wait_until(lambda: client.status().done == 1)
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_watching_tells_every_change_until_the_end(start: Start) -> None:
    batch = start(tasks=6)
    client = batch.attach()
    told = []
    for status in client.watch(0.05):
        told.append(status)
        batch.engine.allow()
    assert told[0].done < told[-1].done == told[-1].total == 6
    assert client.over
    with pytest.raises(ControlError, match="ended"):
        client.status()


def test_a_pause_lets_nothing_begin_and_holds_what_runs_before_its_next_node(
    start: Start, wait_until: WaitUntil
) -> None:
    batch = start(tasks=4)
    client = batch.attach()
    wait_until(lambda: len(batch.engine.asked) == 2)
    status = client.pause()
    assert (status.paused, status.waiting) == (True, 0)
    batch.engine.allow()
    status = client.pause(timeout=20)
    assert (status.flying, status.waiting, status.done) == (2, 2, 0)
    assert {each.nodes for each in client.flights()} == {("reviewer",)}
    assert len(batch.engine.asked) == 2
    client.resume()
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_pausing_now_holds_the_next_model_call_of_a_node_too(start: Start, wait_until: WaitUntil) -> None:
    from langgraph.graph import END, START, StateGraph

    from tutelage.graphs import LoopState

    def talkative(model: Any) -> Any:
        async def twice(state: LoopState) -> dict[str, Any]:
            await model.ainvoke("first")
            return {"solution": (await model.ainvoke("second")).content}

        graph = StateGraph(LoopState)
        graph.add_node("twice", twice)
        graph.add_edge(START, "twice")
        graph.add_edge("twice", END)
        return graph

    batch = start(talkative, tasks=2)
    client = batch.attach()
    wait_until(lambda: len(batch.engine.asked) == 2)
    client.pause(now=True)
    batch.engine.allow()
    assert client.pause(now=True, timeout=20).waiting == 2
    assert len(batch.engine.asked) == 2
    client.resume()
    batch.finish()
    assert len(batch.engine.asked) == 4


def test_the_number_of_rollouts_at_once_can_be_changed(start: Start, wait_until: WaitUntil) -> None:
    batch = start(one_shot, tasks=8, concurrency=1)
    client = batch.attach()
    client.retune(3)
    wait_until(lambda: client.status().flying == 3)
    client.retune(1)
    batch.engine.allow(2)
    wait_until(lambda: client.status().flying == 1)
    assert client.status().concurrency == 1
    with pytest.raises(UserError, match="concurrency=0"):
        client.retune(0)
    assert batch.finish().summary()["rollouts"]["done"] == 8


def test_a_client_stops_the_batch_as_ctrl_c_does_and_it_continues(
    start: Start, wait_until: WaitUntil
) -> None:
    batch = start(tasks=4)
    client = batch.attach()
    wait_until(lambda: len(batch.engine.asked) == 2)
    client.stop()
    with pytest.raises(KeyboardInterrupt, match="client"):
        batch.finish()
    wait_until(lambda: client.over)
    tasks = [Task(id=f"t{at}", problem=f"problem {at} .", reference="4") for at in range(4)]
    with rollout(batch._graph, tasks, verifier=exact, store=batch.directory, progress=False) as run:
        assert (len(run.rollouts("done")), len(run.rollouts("abandoned"))) == (4, 2)


async def test_inside_an_event_loop_a_stop_is_a_cancellation(tmp_path: Path) -> None:
    def stop() -> None:
        with attach(tmp_path / "run") as client:
            client.stop()

    tasks = [Task(id="a", problem="p", reference="1")]
    work = asyncio.ensure_future(
        arollout(one_shot(scripted(["x"], latency=60)), tasks, verifier=exact, store=tmp_path / "run")
    )
    while find(tmp_path / "run") is None and not work.done():
        await asyncio.sleep(0.01)
    await asyncio.to_thread(stop)
    with pytest.raises(asyncio.CancelledError, match="client"):
        await work


def test_failures_are_told_by_kind_and_whole_where_contents_are_asked_for(
    start: Start, wait_until: WaitUntil
) -> None:
    from langgraph.graph import END, START, StateGraph

    from tutelage.graphs import LoopState

    def broken(model: Any) -> Any:
        async def fail(state: LoopState) -> dict[str, Any]:
            if state["problem"].startswith("problem 0"):
                raise ValueError("\x1b]0;the model's own words")
            return {"solution": (await model.ainvoke("x problem 0 .")).content}

        graph = StateGraph(LoopState)
        graph.add_node("fail", fail)
        graph.add_edge(START, "fail")
        graph.add_edge("fail", END)
        return graph

    batch = start(broken, tasks=2)
    client = batch.attach()
    status = wait_until(lambda: (now := client.status()).failed and now)
    assert status.failures == (("t0", "ValueError"),)
    assert "own words" in client.status(content=True).failures[0][1]
    shown = client.execute("status errors").text
    assert "own words" in shown and "\x1b" not in shown


def test_the_socket_is_the_users_alone_and_gone_at_the_end(start: Start) -> None:
    batch = start()
    batch.attach()
    path = find(batch.directory)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    batch.finish()
    assert not path.exists() and find(batch.directory) is None


def test_another_user_is_turned_away(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = start()
    batch.attach().close()
    mine = os.geteuid()
    path = find(batch.directory)
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        assert connection.recv(100) == b""
    monkeypatch.undo()
    assert batch.attach().status().total == 4


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


def test_a_directory_that_is_not_safe_is_not_used(
    tmp_path: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, elsewhere = short_path, tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    own = place_for(tmp_path / "run").parent
    assert own == runtime / "tutelage"
    own.chmod(0o755)
    assert place_for(tmp_path / "run").parent == Path(f"/tmp/tutelage-{os.geteuid()}")
    own.rmdir()
    own.symlink_to(elsewhere)
    assert place_for(tmp_path / "run").parent == Path(f"/tmp/tutelage-{os.geteuid()}")


def test_a_path_too_long_for_a_socket_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert len(os.fsencode(place_for(tmp_path / "run"))) <= 107


def test_a_run_is_found_by_any_path_that_leads_to_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = start()
    batch.attach()
    (tmp_path / "link").symlink_to(batch.directory)
    monkeypatch.chdir(tmp_path)
    for path in ("link", "run0", "./run0/../link"):
        with attach(path) as client:
            assert client.status().name == "run0"


def test_without_control_nobody_attaches(start: Start, wait_until: WaitUntil) -> None:
    batch = start(control=False)
    wait_until(lambda: len(batch.engine.asked) == 2)
    with pytest.raises(UserError, match="nobody offers control"):
        attach(batch.directory)
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_a_batch_that_cannot_offer_control_runs_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tutelage.graphs.control.address._folders", lambda: iter(()))
    tasks = [Task(id="a", problem="p", reference="1")]
    graph = one_shot(scripted(["answer: 1"]))
    with rollout(graph, tasks, verifier=exact, store=tmp_path / "run", progress=False) as run:
        assert len(run.rollouts("done")) == 1
    assert "nobody can attach" in capsys.readouterr().err


def test_what_is_no_request_is_refused_in_a_sentence_and_does_not_end_anything(start: Start) -> None:
    batch = start()
    batch.attach()
    lines = [
        b"nonsense\n",
        b"[1]\n",
        b'{"id": 1, "do": "_change"}\n',
        b'{"id": 2, "do": "pause", "with": {"never": 1}}\n',
        b'{"id": 3, "do": "retune", "with": {"concurrency": "many"}}\n',
        b'{"id": 4, "do": "go", "with": {"flight": 99, "mode": "step"}}\n',
        b'{"id": 5, "do": "break_on", "with": {"node": "revewer"}}\n',
    ]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(find(batch.directory)))
        file = connection.makefile("rwb")
        assert "hello" in json.loads(file.readline())
        for line in lines:
            file.write(line)
        file.flush()
        said = [json.loads(file.readline()) for _ in lines]
        file.close()
    assert all(isinstance(each["error"], str) and "Traceback" not in each["error"] for each in said)
    assert "did you mean 'reviewer'" in said[-1]["error"]
    assert batch.finish().summary()["rollouts"]["done"] == 4


def test_a_client_that_never_reads_does_not_hold_anything_up(start: Start) -> None:
    batch = start(tasks=8)
    batch.attach()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.connect(str(find(batch.directory)))
        connection.setblocking(False)
        request = b'{"id": 1, "do": "flights", "with": {}}\n'
        for _ in range(2000):
            try:
                connection.send(request)
            except BlockingIOError:
                break
        assert batch.finish().summary()["rollouts"]["done"] == 8


async def test_a_crew_grows_shrinks_and_ends_with_its_first_error() -> None:
    working: set[int] = set()
    free = asyncio.Event()

    async def worker() -> None:
        number = len(working)
        while not crew.one_too_many():
            working.add(number)
            await free.wait()
            await asyncio.sleep(0.001)

    crew = Crew(worker, 2)
    work = asyncio.ensure_future(crew.work())
    await asyncio.sleep(0.01)
    crew.resize(5)
    await asyncio.sleep(0.01)
    assert len(crew._tasks) == 5
    crew.resize(1)
    free.set()
    await asyncio.sleep(0.05)
    assert len(crew._tasks) == 1
    crew.end(ValueError("enough"))
    with pytest.raises(ValueError, match="enough"):
        await work
