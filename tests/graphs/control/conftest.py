"""What these tests share: a real batch in a thread of this process, whose model speaks when it is allowed to, and a
client attached to its socket; and a batch in a process of its own."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tutelage.agents import Answer, ChatModel, Request, ScriptedEngine
from tutelage.errors import UserError
from tutelage.graphs import rollout, self_refine
from tutelage.graphs.compiled import AnyGraph
from tutelage.graphs.control import Attached, attach
from tutelage.graphs.control.bell import Bell
from tutelage.tools import exact
from tutelage.traces import Run
from tutelage.types import Task

CHILD = Path(__file__).parent / "batch_process.py"


class Gated(ScriptedEngine):
    """A script that speaks only while it is open, or so many times."""

    def __init__(self, answers: Callable[[Any, int], str]) -> None:
        super().__init__(answers)
        self.bell = Bell()
        self.allowed = 0
        self.asked: list[Request] = []

    async def generate(self, request: Request) -> Answer:
        self.asked.append(request)
        await self.bell.until(self._take)
        return await super().generate(request)

    def _take(self) -> bool:
        if self.allowed <= 0:
            return False
        self.allowed -= 1
        return True

    def allow(self, count: int = 1_000_000) -> None:
        self.allowed += count
        self.bell.ring()


def by_role(messages: Sequence[Any], sample: int) -> str:
    """Every solution is right; the reviewer says wrong of problems with an odd number."""
    prompt = messages[-1]["content"]
    if "Check every step" in prompt:
        number = int(prompt.split("problem ")[1].split()[0])
        return "verdict: wrong at step 1" if number % 2 else "verdict: right"
    return "2+2=4\nanswer: 4"


class Running:
    """A batch that runs in a thread."""

    def __init__(
        self, directory: Path, *, graph: Callable[[ChatModel], AnyGraph], tasks: int, **settings: Any
    ) -> None:
        self.engine = Gated(by_role)
        self.directory = directory
        self.error: BaseException | None = None
        self.run: Run | None = None
        self._tasks = [Task(id=f"t{at}", problem=f"problem {at} .", reference="4") for at in range(tasks)]
        self._graph = graph(ChatModel(engine=self.engine))
        self._settings = {"verifier": exact, "progress": False, "concurrency": 2, **settings}
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        self._clients: list[Attached] = []

    def attach(self) -> Attached:
        """Attach as soon as that can be done."""
        client = attached(self.directory)
        self._clients.append(client)
        return client

    def finish(self) -> Run:
        """Let everything speak, and give the finished run."""
        self.engine.allow()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the batch hangs"
        if self.error is not None:
            raise self.error
        assert self.run is not None
        return self.run

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.engine.allow()
        self._thread.join(60)
        if self.run is not None:
            self.run.close()
        assert not self._thread.is_alive(), "the batch hangs"

    def _work(self) -> None:
        try:
            self.run = rollout(self._graph, self._tasks, store=self.directory, **self._settings)
        except BaseException as error:
            self.error = error


def attached(directory: Path) -> Attached:
    deadline = time.monotonic() + 60
    while True:
        try:
            return attach(directory)
        except UserError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def until(true: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until something is true, and give it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.01)
    return found


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a batch in a thread: `start(tasks=4, concurrency=2)`."""
    started: list[Running] = []

    def begin(graph: Callable[[ChatModel], AnyGraph] | None = None, **settings: Any) -> Running:
        made = Running(
            tmp_path / f"run{len(started)}",
            graph=graph or (lambda model: self_refine(model, rounds=1)),
            **{"tasks": 4, **settings},
        )
        started.append(made)
        return made

    yield begin
    for each in started:
        each.close()


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return until


Child = subprocess.Popen[str]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Start a batch in a process of its own."""
    children: list[Child] = []

    def begin(directory: Path, *arguments: str) -> Child:
        command = [sys.executable, "-P", str(CHILD), str(directory), *arguments]
        made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(made)
        return made

    yield begin
    for each in children:
        if each.poll() is None:
            each.kill()
        each.communicate()


@pytest.fixture
def attach_to() -> Callable[[Path], Attached]:
    return attached
